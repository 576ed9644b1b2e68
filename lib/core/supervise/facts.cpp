// What the world tells about the current instance, taken in.
#include <algorithm>
#include <utility>

#include "core/supervise/moves.hpp"
#include "core/supervise/words.hpp"

namespace dpsup::core {
namespace {

bool is_ending(const Run& run) {
    return run.phase == RunPhase::asked || run.phase == RunPhase::killing;
}

// One fact, with what it is taken into.
struct Intake {
    Service& service;
    Run& run;
    Instant now;
    Output& output;

    void operator()(const Launched& launched) const {
        run.pid = launched.pid;
        const bool news = std::exchange(run.answer_deadline, instant_never) != instant_never;
        // Asked to stop before it was there: the signal may have met nobody. Never again after that, since to many
        // programs a second one means that they end at once.
        if (news && run.phase == RunPhase::asked && !run.exit && !run.stop_sent)
            ask(service, SendSignal{service.policy.stop_signal, false}, output);
        if (run.phase == RunPhase::running) repeat_reload();
        if (run.phase != RunPhase::launching) return;
        run.phase = RunPhase::running;
        begin_probes(service, now);
        update_readiness(service, "runs", now, output);
    }

    void operator()(const LaunchFailed& failure) const {
        if (!is_ending(run)) run.cause = EndCause::launch_failed;
        run.ended_at = std::min(run.ended_at, now);
        run.launch_failure = failure;
        run.over = true;
    }

    void operator()(const NotLaunched&) const {
        run.never_ran = !is_ending(run);
        run.ended_at = std::min(run.ended_at, now);
        run.over = true;
    }

    void operator()(const Signaled&) const {
        if (run.phase == RunPhase::asked) run.stop_sent = true;
    }

    void operator()(const Notified& said) const {
        if (said.main_pid) run.pid = *said.main_pid;
        if (said.listening) hear();
        if (said.watchdog && run.watchdog_deadline != instant_never) watch(service, now);
        if (said.extend_timeout) extend(*said.extend_timeout);
        if (is_ending(run)) return;
        // Some say the same again every few seconds; only what is new is worth a line.
        if (said.reloading && !std::exchange(run.says_reloading, true))
            remark(service, "says that it reloads its configuration", output);
        if (said.stopping && !std::exchange(run.says_stopping, true))
            remark(service, "says that it stops", output);
        if (!said.ready) return;
        if (!said.reloading && std::exchange(run.says_reloading, false))
            remark(service, "says that it is ready again", output);
        run.notified_ready = true;
        update_readiness(service, "says that it is ready (sd_notify)", now, output);
    }

    void operator()(const Exited& exit) const {
        if (run.exit) return;  // told twice
        run.exit = exit;
        service.last_exit = exit;
        run.ended_at = std::min(run.ended_at, now);
        run.answer_deadline = instant_never;
        if (run.phase == RunPhase::killing) return;
        run.leftovers_at = after(now, std::chrono::milliseconds(50));
        if (run.phase == RunPhase::asked) return;
        run.cause = EndCause::exited;
        run.phase = RunPhase::asked;
        run.kill_at = after(now, service.policy.stop_timeout);
        if (!run.over) enter(service, State::stopping, describe(exit), now, output);
    }

    void operator()(const Emptied&) const {
        if (!is_ending(run)) run.cause = EndCause::exited;  // its exit was not seen, but nothing runs
        run.ended_at = std::min(run.ended_at, now);
        run.over = true;
    }

    void operator()(const Probed& result) const {
        if (run.phase != RunPhase::running || result.probe >= run.probes.size()) return;
        const ProbePolicy& policy = service.policy.probes[result.probe];
        ProbeState& probe = run.probes[result.probe];
        if (!take_in(probe, policy, result, run.launched_at, now)) return;
        const bool passing = probe.verdict == ProbeVerdict::passing;
        const std::string reason = to_string(policy.role) + " probe " + (passing ? "passed" : "failed") +
                                   (probe.detail.empty() ? "" : ": " + probe.detail);
        begin_probes(service, now);
        update_readiness(service, reason, now, output);
        if (!passing) act_on_failure(policy, reason);
    }

    void operator()(const Reloaded& reloaded) const {
        if (run.reloads_open > 0) --run.reloads_open;
        std::string text = reloaded.success ? "was told to reload" : "could not be reloaded";
        if (!reloaded.detail.empty()) text += ": " + reloaded.detail;
        run.reload_failure = reloaded.success ? "" : text;
        remark(service, text, output);
    }

private:
    // Its configuration may have changed since it last read it.
    void repeat_reload() const {
        if (!std::exchange(run.reload_again, false) || !service.policy.can_reload) return;
        ++run.reloads_open;
        remark(service, "is told to reload once more: dpsupd ended before it heard what came of it", output);
        ask(service, Reload{}, output);
    }
    // Its watchdog counts from here: what it said before met nobody.
    void hear() const {
        if (!std::exchange(run.is_heard, true) && run.was_ready) watch(service, now);
    }

    void extend(Duration by) const {
        if (run.phase == RunPhase::asked) run.kill_at = std::max(run.kill_at, after(now, by));
        if (run.start_deadline != instant_never)
            run.start_deadline = std::max(run.start_deadline, after(now, by));
    }

    void act_on_failure(const ProbePolicy& policy, const std::string& reason) const {
        switch (policy.on_failure) {
            case OnProbeFailure::alert:
                if (service.state == State::starting) remark(service, reason, output);
                return;
            case OnProbeFailure::restart:
                begin_stop(service, EndCause::probe_restart, reason, now, output);
                return;
            case OnProbeFailure::stop:
                begin_stop(service, EndCause::probe_stop, reason, now, output);
                return;
        }
    }
};

}  // namespace

void take_in(Service& service, const Fact& fact, Instant now, Output& output) {
    if (!service.run || service.run->over) return;
    std::visit(Intake{service, *service.run, now, output}, fact);
}

}  // namespace dpsup::core
