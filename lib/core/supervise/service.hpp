// One service's machine.
//
//   stopped --wanted up--> waiting --dependencies hold--> starting --well--> ready <--> unhealthy
//                             ^                              |                 |           |
//                             |                              +--- exit, stop, probe, ... --+
//                             |                                        v
//   failed, done, stopped <---+------ backoff <---- verdict ---- stopping (until nothing is left)
//
// `wanted` and `restart_wanted` are levels: commands only set them, and advance() moves the state towards
// them whenever something changed, so that stop during start, start during stop and restart while waiting
// need no cases of their own. A `Run` exists exactly while something of an instance may be alive: from the
// Launch effect until Emptied (or LaunchFailed). A second Launch cannot happen in between, whatever was lost
// on the way: that is how at most one instance runs.
//
// A run's phases: launching -> running -> asked (the stop signal was sent, or the main process ended by
// itself) -> killing (SIGKILL to the whole tree, repeated until it is empty). Whoever is left when the main
// process is gone gets SIGTERM before that, whatever the configured stop signal is: that one is the main
// process's own. Nobody leaves `killing` but by Emptied.
//
// Its listening sockets, where it has any, are no instance's: they are open from when it is on its way (Hold, or
// Launch) until it rests (Release), so that its clients wait through `waiting`, `backoff` and restarts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/supervise/budget.hpp"
#include "core/supervise/effect.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/policy.hpp"
#include "core/supervise/probe.hpp"
#include "core/supervise/snapshot.hpp"
#include "core/supervise/state.hpp"

namespace dpsup::core {

// A decision, in one sentence, for people. `from` and `to` are equal where the state did not change.
struct Note {
    ServiceId service;
    State from = State::stopped;
    State to = State::stopped;
    std::string reason;
};

// What one step asks for and tells. `remember` names services whose durable facts changed (wanted, done),
// `record` those whose snapshot may have changed.
struct Output {
    std::vector<Effect> effects;
    std::vector<Note> notes;
    std::vector<ServiceId> remember;
    std::vector<ServiceId> record;
    bool all_stopped = false;  // a shutdown was asked for, and nothing runs any more
};

struct Run {
    Generation generation;
    RunPhase phase = RunPhase::launching;
    EndCause cause = EndCause::none;
    bool over = false;       // nothing of it is left; the verdict is due
    bool never_ran = false;  // an earlier daemon died before its launch began
    std::string end_reason;  // why it is being ended, for people
    pid_t pid = 0;
    Instant launched_at;               // when the launch was asked for
    Instant ended_at = instant_never;  // when it began to end; what it leaves behind may take longer
    bool notified_ready = false;
    bool was_ready = false;
    bool is_heard = true;            // by sd_notify; after a takeover only once the world says so
    bool stop_sent = false;          // asked: the stop signal has certainly been sent
    bool says_reloading = false;     // sent RELOADING=1, and no READY=1 since
    bool says_stopping = false;      // sent STOPPING=1
    std::uint32_t reloads_open = 0;  // asked of it, and not answered
    bool reload_again = false;       // an earlier daemon asked, and did not hear what came of it
    std::string reload_failure;      // of the last that was answered; empty: it succeeded
    std::optional<Exited> exit;
    std::optional<LaunchFailed> launch_failure;
    std::string missed_loss;           // the dependency that ended while this was to stop anyway; empty: none
    std::uint64_t probe_sequence = 0;  // the highest of probes that an update has replaced
    std::vector<ProbeState> probes;    // as Policy::probes
    Instant answer_deadline = instant_never;  // launching: Launched or LaunchFailed must have come
    Instant start_deadline = instant_never;
    Instant watchdog_deadline = instant_never;
    bool silence_forgiven =
        false;                // it had more time since the last WATCHDOG=1, as we were held up ourselves
    bool asked_late = false;  // its probes were asked once more when start_deadline came late
    Instant leftovers_at = instant_never;  // the main process is gone: signal what is left of the tree
    Instant kill_at = instant_never;       // asked, killing: SIGKILL (again)
    Duration kill_wait = Duration::zero();
    std::uint32_t kills = 0;
};

struct Service {
    ServiceId id;
    Policy policy;
    Wanted wanted = Wanted::down;
    State state = State::stopped;
    Instant since;          // when `state` was entered
    std::string reason;     // of the last decision
    std::string blocker;    // waiting: the dependency that does not hold
    Generation generation;  // of the last run
    std::optional<Run> run;
    bool restart_wanted = false;
    std::string restart_cause;             // why, for the reason
    bool restart_when_back = false;        // a dependency was lost, and on_dependency_loss is `restart`
    bool removed = false;                  // gone from the configuration; forgotten once nothing runs
    std::uint32_t attempt = 0;             // failures in a row
    std::uint64_t restarts = 0;            // launches after the first, in this daemon's life
    bool launch_counted = false;           // the next one takes the place of one that never began
    Instant retry_at = instant_never;      // backoff
    std::optional<Duration> stop_timeout;  // of the command that stops it
    std::optional<Exited> last_exit;
    std::string commanded_by;  // who last changed `wanted`
    bool held = false;         // Hold or Launch has opened its sockets, and no Release has closed them

    [[nodiscard]] Health health() const;
    [[nodiscard]] pid_t pid() const { return run ? run->pid : 0; }
    // Something of it runs, or may run.
    [[nodiscard]] bool active() const { return run.has_value(); }
};

// What the router knows about the neighbours of a service.
struct Surroundings {
    bool dependencies_hold = true;
    std::string blocker;           // the first dependency that does not hold
    std::string waiting_for;       // and what it lacks, for people
    std::string missing_optional;  // an optional dependency that is not there, for people
    bool dependents_gone = true;   // no dependent that is itself to stop still runs
    bool shutting_down = false;
    bool deadlines_count = false;  // all that came before them has been told: see DeadlineReached
    Budget* budget = nullptr;
    std::uint64_t seed = 0;  // chance, for jitter
};

// What commands and the neighbours do to a service. They set levels; advance() follows.
void want_up(Service& service, const std::string& by, Output& output);
void want_down(Service& service, const std::string& by, std::optional<Duration> stop_timeout, Instant now,
               Output& output);
void want_restart(Service& service, const std::string& cause);
void update_policy(Service& service, const Policy& policy, Instant now, Output& output);
void lose_dependency(Service& service, const std::string& dependency, Instant now, Output& output);

// Goes on where an earlier daemon's record ends. What it holds of an instance is taken for true until the world
// has answered Adopt.
void restore(Service& service, const Snapshot& snapshot, Instant now, Output& output);

// Takes in one fact about the current instance. The caller has checked the generation.
void take_in(Service& service, const Fact& fact, Instant now, Output& output);

// Moves the service as far as it can go now. Idempotent: calling it again at once changes nothing.
void advance(Service& service, const Surroundings& surroundings, Instant now, Output& output);

// Why it is in its state, as of now: what it still lacks while it starts or is unhealthy ("readiness probe: connection
// refused, 3 times"), else the reason of the last decision.
[[nodiscard]] std::string standing_reason(const Service& service);

// When advance() must be called next if nothing else happens.
[[nodiscard]] Instant next_deadline(const Service& service);

}  // namespace dpsup::core
