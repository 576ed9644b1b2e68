#include "core/supervise/snapshot.hpp"

#include <algorithm>

#include "core/supervise/moves.hpp"

namespace dpsup::core {

namespace {

constexpr std::size_t verdicts_max = 16;
constexpr unsigned bits_each = 4;
constexpr std::uint64_t verdict_bits = 3;
constexpr std::uint64_t passed_bit = 4;

}  // namespace

std::uint64_t verdicts_of(const Run& run) {
    std::uint64_t packed = 0;
    for (std::size_t i = 0; i < std::min(run.probes.size(), verdicts_max); ++i) {
        const ProbeState& probe = run.probes[i];
        const std::uint64_t bits =
            static_cast<std::uint64_t>(probe.verdict) | (probe.passed_once ? passed_bit : 0);
        packed |= bits << (bits_each * i);
    }
    return packed;
}

bool passing_in(std::uint64_t verdicts, std::size_t probe) {
    if (probe >= verdicts_max) return false;
    return static_cast<ProbeVerdict>((verdicts >> (bits_each * probe)) & verdict_bits) ==
           ProbeVerdict::passing;
}

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
    RunSnapshot& past = snapshot.run.emplace();
    past.phase = run.phase;
    past.cause = run.cause;
    past.end_reason = run.end_reason;
    past.pid = run.pid;
    past.launched_at = run.launched_at;
    past.was_ready = run.was_ready;
    past.notified_ready = run.notified_ready;
    past.reload_open = run.reload_again || run.reloads_open > 0;
    past.stop_sent = run.stop_sent;
    past.start_deadline = run.start_deadline;
    past.ended_at = run.ended_at;
    past.kill_at = run.kill_at;
    past.exit = run.exit;
    past.verdicts = verdicts_of(run);
    return snapshot;
}

Snapshot snapshot_of_leftover(const std::optional<Snapshot>& past, Instant now) {
    Snapshot snapshot = past.value_or(Snapshot{});
    if (snapshot.generation.value > 0) ++snapshot.restarts;
    ++snapshot.generation.value;
    snapshot.state = State::starting;
    snapshot.since = now;
    snapshot.reason = "found running (leftovers)";
    snapshot.retry_at = instant_never;
    RunSnapshot& run = snapshot.run.emplace();
    run.launched_at = now;
    run.notified_ready = true;
    return snapshot;
}

Snapshot snapshot_of_changed_job(const Snapshot& past, Instant now) {
    Snapshot snapshot;
    snapshot.since = now;
    snapshot.reason = "its configuration changed while dpsupd was away";
    snapshot.generation = past.generation;
    snapshot.restarts = past.restarts;
    snapshot.last_exit = past.last_exit;
    return snapshot;
}

namespace {

// What its probes have said holds until they have been asked again.
void resume_probes(Run& run, std::uint64_t verdicts) {
    for (std::size_t i = 0; i < std::min(run.probes.size(), verdicts_max); ++i) {
        const std::uint64_t bits = verdicts >> (bits_each * i);
        const auto verdict = static_cast<ProbeVerdict>(bits & verdict_bits);
        if (verdict <= ProbeVerdict::failing) run.probes[i].verdict = verdict;
        run.probes[i].passed_once = (bits & passed_bit) != 0;
    }
}

// What nobody asked and nobody heard while there was no daemon is no reason to end a service: it has its time again. A
// job needs nobody for getting done.
void resume_start(Service& service, const RunSnapshot& past, Instant now) {
    Run& run = *service.run;
    const Duration timeout = service.policy.start_timeout;
    if (run.was_ready || timeout <= Duration::zero()) return;
    const bool job = service.policy.kind == Kind::job;
    run.start_deadline = after(job ? run.launched_at : std::max(run.launched_at, now), timeout);
    if (past.start_deadline != instant_never)
        run.start_deadline = std::max(run.start_deadline, past.start_deadline);
}

void resume_running(Service& service, Instant now, Output& output) {
    begin_probes(service, now);
    if (service.state != State::ready) update_readiness(service, "by its changed configuration", now, output);
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
    if (!snapshot.run) {
        if (!is_resting(service.state)) hold(service, output);
        return;
    }
    service.held = service.policy.listens;  // Adopt sees to it
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
    run.reload_again = past.reload_open;
    run.stop_sent = past.stop_sent;
    run.ended_at = past.ended_at;
    run.exit = past.exit;
    run.is_heard = false;
    run.probes.resize(service.policy.probes.size());
    resume_probes(run, past.verdicts);
    ask(service, Adopt{}, output);
    switch (run.phase) {
        case RunPhase::launching:
            await_launch(service, now);
            resume_start(service, past, now);
            return;
        case RunPhase::running:
            resume_start(service, past, now);
            resume_running(service, now, output);
            return;
        case RunPhase::asked:
            // Not anew: a daemon that dies again and again would never come to kill.
            run.kill_at =
                past.kill_at != instant_never ? past.kill_at : after(now, service.policy.stop_timeout);
            if (run.exit)
                run.leftovers_at = now;
            else  // where the stop signal may not have been sent any more: once more, if it is found to run (Launched)
                run.answer_deadline = run.kill_at;
            return;
        case RunPhase::killing:
            kill_tree(service, now, output);
            return;
    }
}

}  // namespace dpsup::core
