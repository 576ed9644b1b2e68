#include "core/supervise/snapshot.hpp"

#include "core/supervise/moves.hpp"

namespace dpsup::core {

Snapshot snapshot_of(const Service& service) {
    Snapshot snapshot;
    snapshot.state = service.state;
    snapshot.since = service.since;
    snapshot.reason = service.reason;
    snapshot.generation = service.generation;
    snapshot.restarts = service.restarts;
    snapshot.attempt = service.attempt;
    snapshot.retry_at = service.retry_at;
    snapshot.restart_wanted = service.restart_wanted;
    snapshot.restart_cause = service.restart_cause;
    snapshot.restart_when_back = service.restart_when_back;
    snapshot.last_exit = service.last_exit;
    if (!service.run) return snapshot;
    const Run& run = *service.run;
    snapshot.run = RunSnapshot{run.phase,       run.cause,     run.end_reason,     run.pid,
                               run.launched_at, run.was_ready, run.notified_ready, run.exit};
    return snapshot;
}

namespace {

// Its probes are asked anew; a well service stays well until one has said otherwise.
void resume_running(Service& service, Instant now) {
    Run& run = *service.run;
    for (ProbeState& probe : run.probes)
        if (service.state == State::ready) probe.verdict = ProbeVerdict::passing;
    if (!run.was_ready && service.policy.start_timeout > Duration::zero())
        run.start_deadline = after(run.launched_at, service.policy.start_timeout);
    if (run.was_ready && service.policy.watchdog > Duration::zero())
        run.watchdog_deadline = after(now, service.policy.watchdog);
    begin_probes(service, now);
}

}  // namespace

void restore(Service& service, const Snapshot& snapshot, Instant now, Output& output) {
    service.state = snapshot.state;
    service.since = snapshot.since;
    service.reason = snapshot.reason;
    service.generation = snapshot.generation;
    service.restarts = snapshot.restarts;
    service.attempt = snapshot.attempt;
    service.retry_at = snapshot.retry_at;
    service.restart_wanted = snapshot.restart_wanted;
    service.restart_cause = snapshot.restart_cause;
    service.restart_when_back = snapshot.restart_when_back;
    service.last_exit = snapshot.last_exit;
    if (!snapshot.run) return;
    const RunSnapshot& past = *snapshot.run;
    Run& run = service.run.emplace();
    run.generation = snapshot.generation;
    run.phase = past.phase;
    run.cause = past.cause;
    run.end_reason = past.end_reason;
    run.pid = past.pid;
    run.launched_at = past.launched_at;
    run.was_ready = past.was_ready;
    run.notified_ready = past.notified_ready;
    run.exit = past.exit;
    run.probes.resize(service.policy.probes.size());
    ask(service, Adopt{}, output);
    switch (run.phase) {
        case RunPhase::launching:
            await_launch(service, now);
            return;
        case RunPhase::running:
            resume_running(service, now);
            return;
        case RunPhase::asked:
            // The signal may not have been sent any more, and hearing it twice is better than never.
            run.ended_at = now;
            run.kill_at = after(now, service.policy.stop_timeout);
            if (run.exit)
                run.leftovers_at = now;
            else
                ask(service, SendSignal{service.policy.stop_signal, false}, output);
            return;
        case RunPhase::killing:
            run.ended_at = now;
            kill_tree(service, now, output);
            return;
    }
}

}  // namespace dpsup::core
