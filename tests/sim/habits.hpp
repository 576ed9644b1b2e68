// How the program of a simulated service behaves. A Temperament belongs to a service and says how likely what
// is; Habits belong to one instance and say what it will do.
#pragma once

#include <optional>

#include "core/supervise/event.hpp"
#include "sim/random.hpp"

namespace dpsup::sim {

// What stays wrong with a service once everything else is calm. A service with a flaw need not get well.
enum class Flaw : std::uint8_t {
    none,
    crashes,      // every instance ends soon, with a failure
    not_there,    // every launch fails
    never_ready,  // never says READY=1, never passes a probe
};

struct Temperament {
    double launch_fails = 0;
    double launch_slow = 0;      // takes up to a minute
    Duration lifetime{};         // mean; zero: until it is stopped
    double exits_zero = 0;       // of its own ends
    double leaves_children = 0;  // that outlive the main process
    double ignores_signals = 0;
    double unkillable = 0;  // in an uninterruptible sleep for a while
    double never_ready = 0;
    double extends = 0;  // EXTEND_TIMEOUT_USEC
    double hangs = 0;    // stops pinging the watchdog
    double sick = 0;     // share of the time in which its probes fail
    double flips = 0;    // probes that lie
    double probe_hangs = 0;
    double probe_unknown = 0;
    Flaw flaw = Flaw::none;  // in the calm
};

struct Habits {
    Duration launch_takes{};
    bool launch_fails = false;
    Duration lives = Duration::max();  // of the main process
    core::Exited exit;                 // how it ends then
    unsigned children = 0;
    Duration children_live{};  // after the main process
    bool ignores_signals = false;
    Duration dies_within{};               // after a signal that it heeds
    Duration unkillable_for{};            // after SIGKILL
    std::optional<Duration> ready_after;  // READY=1
    bool extends = false;
    Duration pings_until = Duration::max();
    double sick = 0;
    double flips = 0;
    double probe_hangs = 0;
    double probe_unknown = 0;
};

[[nodiscard]] Temperament some_temperament(Random& random);
[[nodiscard]] Habits wild_habits(const Temperament& temperament, core::Kind kind, Random& random);
// In the calm: sound but for the flaw.
[[nodiscard]] Habits calm_habits(Flaw flaw, core::Kind kind, Random& random);

}  // namespace dpsup::sim
