// What the referee knows of each service: a second, independent reading of the semantics of supervise/, kept
// from nothing but the events that the core was told and the effects that it asked for. Where the
// documentation leaves room the books say `unsure`, and the referee accepts either.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/supervise/effect.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/policy.hpp"
#include "core/supervise/state.hpp"

namespace dpsup::sim {

struct ProbeBook {
    enum class Verdict : std::uint8_t { pending, passing, failing };
    Verdict verdict = Verdict::pending;
    std::uint64_t sequence = 0;
    bool under_way = false;
    bool passed_once = false;    // the verdict was `passing` before
    std::uint32_t failures = 0;  // in a row
    std::uint32_t passes = 0;
    Instant asked_at{};
    Instant ended_at{};    // of the last run
    Instant counted_at{};  // of the last failure that counted

    void take_in(const core::ProbePolicy& policy, const core::Probed& result, Instant launched_at,
                 Instant now);
};

// Why the core may end an instance. Several may be true at once.
struct Reasons {
    bool down = false;     // wanted down, removed, or shutting down
    bool restart = false;  // a person or the configuration wants a new instance
    bool lost = false;     // a dependency's instance ended
    bool probe_restart = false;
    bool probe_stop = false;
    bool start_timeout = false;
    bool watchdog = false;
    bool unanswered = false;  // the launch

    [[nodiscard]] bool harmless() const { return down || restart || lost; }
    [[nodiscard]] bool failing() const {
        return probe_restart || probe_stop || start_timeout || watchdog || unanswered;
    }
    [[nodiscard]] bool any() const { return harmless() || failing(); }
};

struct RunBook {
    Generation generation;
    Instant asked_at{};
    Instant start_from{};  // from when its start timeout counts
    bool launched = false;
    bool never_ran = false;
    bool notified = false;
    bool was_ready = false;
    bool heard = true;         // after a takeover only once the world listens: its watchdog counts from there
    bool signal_told = false;  // the world has told that the stop signal was sent
    bool signalled = false;    // this daemon has sent the stop signal to what it knew to run
    std::optional<core::Exited> exit;
    Instant exit_at{};
    std::optional<Instant> stopped_at;  // the first stop signal or SIGKILL that the core sent by itself
    std::optional<Instant> killed_at;   // the last KillTree
    Reasons reasons;                    // at stopped_at
    bool lost = false;                  // a hard dependency's instance may have ended since the launch
    bool lost_surely = false;
    std::set<std::pair<ServiceId, Generation>>
        losing;                                  // instances of dependencies that were seen to begin to end
    std::set<core::OnDependencyLoss> on_losses;  // policies in force since then
    bool was_back = false;                       // since then all its dependencies held at least once
    Instant pinged_at{};
    Instant extended_until{};
    std::vector<ProbeBook> probes;
    std::set<std::pair<std::uint32_t, std::uint64_t>>
        sequences;  // used by probes that an update has replaced
    bool timeouts_unsure = false;
    std::vector<Duration> stop_timeouts;  // any of them may hold

    [[nodiscard]] bool ending() const { return stopped_at || exit; }
    void forget_losses() {
        lost_surely = false;
        losing.clear();
    }
};

struct Edge {
    std::optional<ServiceId> service;
    core::Condition condition = core::Condition::started;
    bool optional = false;
};

struct Account {
    ServiceId id;
    core::Policy policy;
    core::Wanted wanted = core::Wanted::down;
    core::State told = core::State::stopped;
    bool removed = false;
    bool forgotten = false;
    std::optional<RunBook> run;
    Generation highest;
    std::uint64_t launches = 0;
    bool restart_pending = false;
    bool done = false;           // ran to its end; not again until told
    bool failed = false;         // not again until told
    bool hold_unsure = false;    // the two above may be wrong
    bool excused = false;        // from staying settled: see Referee::excuse_unsure
    std::uint32_t failures = 0;  // in a row, for the delay
    std::uint32_t retries = 0;   // launches after failures, since a command or a stable run
    bool retries_unsure = false;
    bool retrying = false;  // the next launch is such a one
    bool held = false;      // its sockets are open
    Instant not_before{};
    Instant not_after = instant_never;
    std::vector<Edge> dependencies;
    std::vector<Edge> dependents;

    [[nodiscard]] bool ready() const;  // by what was reported, if nothing is unsure
    [[nodiscard]] Duration delay(std::uint32_t attempt) const;
    void heard_of_command(Instant now);
};

// What the condition means of `dependency`; `false` also where it wants a restart first.
[[nodiscard]] bool holds(const Account& dependency, core::Condition condition);

}  // namespace dpsup::sim
