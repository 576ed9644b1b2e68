// What an earlier dpsupd of this boot left on record of a service, and how a new one goes on from there. The
// records are written before the effects that follow from them, so that whatever runs is on record; what has
// become of it meanwhile is asked of the world (Adopt).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/id.hpp"
#include "base/time.hpp"
#include "core/supervise/exit.hpp"
#include "core/supervise/state.hpp"

namespace dpsup::core {

enum class RunPhase : std::uint8_t { launching, running, asked, killing };

// Why a run ends; what happens next follows from it (and from what is wanted by then).
enum class EndCause : std::uint8_t {
    none,               // it goes on
    exited,             // the main process ended by itself
    launch_failed,      // nothing was started
    launch_unanswered,  // the world never said whether the launch happened
    stopped,            // wanted down
    restarted,          // a restart was wanted
    probe_restart,      // a probe failed, and says restart
    probe_stop,         // a probe failed, and says stop
    start_timeout,
    watchdog,
    dependency_lost,
};

struct RunSnapshot {
    RunPhase phase = RunPhase::launching;
    EndCause cause = EndCause::none;
    std::string end_reason;
    pid_t pid = 0;  // 0: not told yet
    Instant launched_at;
    bool was_ready = false;
    bool notified_ready = false;
    Instant start_deadline = instant_never;  // with what EXTEND_TIMEOUT_USEC added
    Instant ended_at = instant_never;        // when it began to end
    bool reload_open = false;                // it was told to reload, and has not answered
    bool stop_sent = false;                  // asked: the stop signal has certainly been sent
    Instant kill_at = instant_never;         // asked: when its patience ends, with what was added
    std::optional<Exited> exit;              // the main process has ended; others of its tree may live
    std::uint64_t verdicts = 0;              // of its probes: see verdicts_of

    bool operator==(const RunSnapshot&) const = default;
};

// Instants are of this boot's monotonic clock; a record of an earlier boot is worth nothing.
struct Snapshot {
    State state = State::stopped;
    Instant since;
    std::string reason;
    Generation generation;
    std::uint64_t restarts = 0;
    std::uint32_t attempt = 0;
    Instant retry_at = instant_never;
    bool restart_wanted = false;
    std::string restart_cause;
    bool restart_when_back = false;
    std::optional<Exited> last_exit;
    std::optional<RunSnapshot> run;

    bool operator==(const Snapshot&) const = default;
};

struct Service;

[[nodiscard]] Snapshot snapshot_of(const Service& service);

// Of an instance that was found running, and of which there is no record: only `past`, if anything, is known of its
// service. Whether it was ready nobody knows; it will not say READY=1 again.
[[nodiscard]] Snapshot snapshot_of_leftover(const std::optional<Snapshot>& past, Instant now);

// Of a job that has completed, and has another definition now: it runs anew, and goes on counting.
[[nodiscard]] Snapshot snapshot_of_changed_job(const Snapshot& past, Instant now);

struct Run;

// Four bits a probe, in order: its ProbeVerdict, and 4 where it has passed once. A service has few probes; of more than
// 16 the rest is asked anew.
[[nodiscard]] std::uint64_t verdicts_of(const Run& run);

// Of the probe of that index; false where nothing is packed of it.
[[nodiscard]] bool passing_in(std::uint64_t verdicts, std::size_t probe);

}  // namespace dpsup::core
