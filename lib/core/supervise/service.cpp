#include "core/supervise/service.hpp"

#include <algorithm>
#include <utility>

#include "core/supervise/moves.hpp"

namespace dpsup::core {

void enter(Service& service, State state, std::string reason, Instant now, Output& output) {
    output.notes.push_back({service.id, service.state, state, reason});
    if (service.state != state) service.since = now;
    if ((service.state == State::done) != (state == State::done)) output.remember.push_back(service.id);
    if (state == State::stopped) service.attempt = 0;
    service.state = state;
    service.reason = std::move(reason);
    if (state == State::waiting) hold(service, output);
    if (is_resting(state) && std::exchange(service.held, false)) ask(service, Release{}, output);
}

void hold(Service& service, Output& output) {
    if (!service.policy.listens || std::exchange(service.held, true)) return;
    ask(service, Hold{}, output);
}

void remark(const Service& service, std::string reason, Output& output) {
    output.notes.push_back({service.id, service.state, service.state, std::move(reason)});
}

void ask(const Service& service, Action action, Output& output) {
    output.effects.push_back({service.id, service.generation, action});
}

bool is_up(const Service& service, const Surroundings& surroundings) {
    return service.wanted == Wanted::up && !service.removed && !surroundings.shutting_down;
}

// Told once when a wait begins and when it moves on to another dependency, not at that one's every change:
// one that crashes again and again would drown what its dependents decided before. The reason stays fresh.
void set_out(Service& service, const Surroundings& surroundings, const std::string& why, Instant now,
             Output& output) {
    if (surroundings.dependencies_hold) {
        std::string reason = "launched: " + why;
        if (!surroundings.missing_optional.empty()) reason += ", without " + surroundings.missing_optional;
        launch(service, reason, now, output);
        return;
    }
    const std::string reason = "waits for " + surroundings.waiting_for;
    const bool told = service.state == State::waiting && service.blocker == surroundings.blocker;
    service.blocker = surroundings.blocker;
    if (told)
        service.reason = reason;
    else
        enter(service, State::waiting, reason, now, output);
}

namespace {

std::string why_down(const Service& service, const Surroundings& surroundings) {
    if (service.removed) return "removed from the configuration";
    if (surroundings.shutting_down && service.wanted == Wanted::up) return "dpsup is shutting down";
    return service.commanded_by.empty() ? "not wanted" : "stopped by " + service.commanded_by;
}

// A service that does not run: true where it moved.
bool advance_resting(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    const bool up = is_up(service, surroundings);
    switch (service.state) {
        case State::stopped: {
            if (!up) return false;
            const std::string& by = service.commanded_by;
            set_out(service, surroundings, by.empty() ? "wanted up" : "started by " + by, now, output);
            return true;
        }
        case State::done:
            if (!up || !service.restart_wanted) return false;
            set_out(service, surroundings, service.restart_cause, now, output);
            return true;
        case State::failed:
        case State::backoff:
            if (!up) {
                enter(service, State::stopped, why_down(service, surroundings), now, output);
                return true;
            }
            if (service.restart_wanted) {
                service.attempt = 0;
                set_out(service, surroundings, service.restart_cause, now, output);
                return true;
            }
            if (service.state == State::failed || now < service.retry_at) return false;
            set_out(service, surroundings, "retry " + std::to_string(service.attempt), now, output);
            return true;
        case State::waiting:
        case State::starting:
        case State::ready:
        case State::unhealthy:
        case State::stopping:
        case State::unknown:
            return false;
    }
    return false;
}

bool advance_waiting(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    if (!is_up(service, surroundings)) {
        enter(service, State::stopped, why_down(service, surroundings), now, output);
        return true;
    }
    set_out(service, surroundings, "its dependencies are there", now, output);
    return service.active();
}

// A service with an instance that is not being ended: true where it begins to end.
bool advance_running(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    if (!is_up(service, surroundings) && surroundings.dependents_gone) {
        begin_stop(service, EndCause::stopped, why_down(service, surroundings), now, output);
        return true;
    }
    if (service.restart_when_back && surroundings.dependencies_hold && surroundings.dependents_gone) {
        begin_stop(service, EndCause::restarted, "its dependency is back", now, output);
        return true;
    }
    if (service.restart_wanted && surroundings.dependents_gone) {
        begin_stop(service, EndCause::restarted, service.restart_cause, now, output);
        return true;
    }
    return false;
}

// True where it moved, and may move on.
bool advance_once(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    if (!service.run) {
        return service.state == State::waiting ? advance_waiting(service, surroundings, now, output)
                                               : advance_resting(service, surroundings, now, output);
    }
    if (service.run->over) {
        conclude(service, surroundings, now, output);
        return true;
    }
    const bool ending = service.run->phase == RunPhase::asked || service.run->phase == RunPhase::killing;
    if (!ending && advance_running(service, surroundings, now, output)) return true;
    if (surroundings.deadlines_count) follow_deadlines(service, now, output);
    run_due_probes(service, now, output);
    return false;
}

}  // namespace

void advance(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    while (advance_once(service, surroundings, now, output)) {
    }
}

Instant next_deadline(const Service& service) {
    if (service.run) return next_deadline(service, *service.run);
    return service.state == State::backoff ? service.retry_at : instant_never;
}

void want_up(Service& service, const std::string& by, Output& output) {
    service.commanded_by = by;
    if (service.wanted != Wanted::up) output.remember.push_back(service.id);
    service.wanted = Wanted::up;
    const bool job_done = service.state == State::done && service.policy.kind == Kind::job;
    if (service.state == State::failed || service.state == State::backoff ||
        (service.state == State::done && !job_done))
        want_restart(service, "started by " + by);
    if (job_done && !service.restart_wanted)
        remark(service, "has completed already; restart runs it again", output);
}

void want_down(Service& service, const std::string& by, std::optional<Duration> stop_timeout, Instant now,
               Output& output) {
    service.commanded_by = by;
    if (service.wanted != Wanted::down) output.remember.push_back(service.id);
    service.wanted = Wanted::down;
    service.restart_wanted = false;
    service.restart_when_back = false;
    service.stop_timeout = stop_timeout;
    if (service.run && service.run->phase == RunPhase::asked && stop_timeout)
        service.run->kill_at = std::min(service.run->kill_at, after(now, *stop_timeout));
}

void want_restart(Service& service, const std::string& cause) {
    service.restart_wanted = true;
    service.restart_cause = cause;
}

namespace {

// A well service stays well until a new probe has said otherwise; answers to the old probes are dropped.
void renew_probes(Service& service) {
    Run& run = *service.run;
    for (const ProbeState& probe : run.probes)
        run.probe_sequence = std::max(run.probe_sequence, probe.sequence);
    run.probes.assign(service.policy.probes.size(), ProbeState{});
    for (ProbeState& probe : run.probes) {
        probe.sequence = run.probe_sequence;
        if (service.state == State::ready) probe.verdict = ProbeVerdict::passing;
    }
}

}  // namespace

void update_policy(Service& service, const Policy& policy, Instant now, Output& output) {
    const Policy before = std::exchange(service.policy, policy);
    if (policy.on_dependency_loss != before.on_dependency_loss || policy.depends_on != before.depends_on)
        service.restart_when_back = false;
    if (!service.run) return;
    Run& run = *service.run;
    if (policy.start_timeout != before.start_timeout && !run.was_ready)
        run.start_deadline = policy.start_timeout > Duration::zero()
                                 ? after(run.launched_at, policy.start_timeout)
                                 : instant_never;
    if (policy.notify && !before.notify && run.was_ready) run.notified_ready = true;
    if (policy.watchdog != before.watchdog && run.was_ready) watch(service, now);
    if (policy.probes != before.probes) renew_probes(service);
    if (run.phase != RunPhase::running) return;
    begin_probes(service, now);
    update_readiness(service, "by its changed configuration", now, output);
}

void lose_dependency(Service& service, const std::string& dependency, Instant now, Output& output) {
    const bool ending =
        service.run && service.run->phase != RunPhase::running && service.run->phase != RunPhase::launching;
    if (!service.run || ending) return;
    switch (service.policy.on_dependency_loss) {
        case OnDependencyLoss::keep:
            remark(service, "goes on although its dependency " + dependency + " ended (on_dependency_loss)",
                   output);
            return;
        case OnDependencyLoss::stop:
            begin_stop(service, EndCause::dependency_lost, "its dependency " + dependency + " ended", now,
                       output);
            return;
        case OnDependencyLoss::restart:
            service.restart_when_back = true;
            remark(service, "will restart when its dependency " + dependency + " is back", output);
            return;
    }
}

Health Service::health() const {
    if (policy.probes.empty() || !run) return Health::none;
    bool pending = false;
    for (const ProbeState& probe : run->probes) {
        if (probe.verdict == ProbeVerdict::failing) return Health::failing;
        pending = pending || probe.verdict == ProbeVerdict::pending;
    }
    return pending ? Health::pending : Health::passing;
}

}  // namespace dpsup::core
