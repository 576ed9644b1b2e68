// An instance from its launch until nothing is left of it.
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "core/supervise/moves.hpp"
#include "core/supervise/words.hpp"

namespace dpsup::core {
namespace {

// A launch is answered at once but for slow user look-ups; past this the answer was lost.
constexpr Duration launch_answer_timeout = std::chrono::seconds(30);

// SIGKILL again, in case it or its answer was lost; doubling, since a process in the kernel (state D) takes
// its time.
constexpr Duration kill_again = std::chrono::seconds(1);
constexpr Duration kill_again_max = std::chrono::seconds(30);

// The loop is this late for a deadline only where it was itself held up.
constexpr Duration held_up = std::chrono::milliseconds(50);

bool gates_the_others(const ProbePolicy& policy) {
    return policy.role == ProbeRole::startup;
}

bool gates_readiness(const ProbePolicy& policy) {
    return policy.role != ProbeRole::liveness;
}

bool startup_passed(const Service& service) {
    const Run& run = *service.run;
    for (std::size_t i = 0; i < run.probes.size(); ++i)
        if (gates_the_others(service.policy.probes[i]) && !run.probes[i].passed_once &&
            run.probes[i].verdict != ProbeVerdict::passing)
            return false;
    return true;
}

// A startup probe that has passed is over; the others wait for it.
bool is_active(const Service& service, std::size_t i) {
    const bool passed = service.run->probes[i].verdict == ProbeVerdict::passing;
    return gates_the_others(service.policy.probes[i]) ? !passed : startup_passed(service);
}

bool is_well(const Service& service) {
    const Run& run = *service.run;
    if (run.phase != RunPhase::running || service.policy.kind == Kind::job) return false;
    if (service.policy.notify && !run.notified_ready) return false;
    for (std::size_t i = 0; i < run.probes.size(); ++i) {
        const ProbeVerdict verdict = run.probes[i].verdict;
        if (verdict == ProbeVerdict::failing) return false;
        if (gates_readiness(service.policy.probes[i]) && verdict != ProbeVerdict::passing) return false;
    }
    return true;
}

// "connection refused (tcp 127.0.0.1:1), 3 times"
std::string last_result(const ProbeState& probe, const ProbePolicy& policy) {
    if (probe.misses == 0 && probe.passes > 0)
        return "passed " + std::to_string(probe.passes) + " of " + std::to_string(policy.successes) +
               " times";
    if (probe.misses == 0 && probe.detail.empty()) return probe.under_way ? "no answer yet" : "not asked yet";
    const std::string detail = probe.detail.empty() ? "failed" : probe.detail;
    return probe.misses < 2 ? detail : detail + ", " + std::to_string(probe.misses) + " times";
}

// What a running instance lacks to be well, in the order in which it is waited for; as is_well() has it.
std::vector<std::string> lacks(const Service& service) {
    const Run& run = *service.run;
    std::vector<std::string> texts;
    if (service.policy.notify && !run.notified_ready) texts.emplace_back("waits for READY=1 (sd_notify)");
    for (std::size_t i = 0; i < run.probes.size(); ++i) {
        const ProbePolicy& policy = service.policy.probes[i];
        const ProbeState& probe = run.probes[i];
        const bool failing = probe.verdict == ProbeVerdict::failing;
        const bool lacking = gates_readiness(policy) && probe.verdict != ProbeVerdict::passing;
        if (failing || (lacking && is_active(service, i)))
            texts.push_back(to_string(policy.role) + (failing ? " probe failed: " : " probe: ") +
                            last_result(probe, policy));
    }
    return texts;
}

// True: it gets half a period more. What held us up (a paused machine, a full socket) may have kept it from speaking, too.
// Once in a silence, so that a daemon that always comes late still ends who has fallen silent.
bool forgive_silence(Service& service, Instant now) {
    Run& run = *service.run;
    if (now - run.watchdog_deadline <= held_up || std::exchange(run.silence_forgiven, true)) return false;
    run.watchdog_deadline = after(now, service.policy.watchdog / 2);
    return true;
}

// True: its probes are asked once more, now, before its time is over. While we were held up nobody asked them, and it may
// have become ready in time. Once a run, as forgive_silence().
bool ask_before_start_timeout(Service& service, Instant now) {
    Run& run = *service.run;
    if (now - run.start_deadline <= held_up || run.asked_late) return false;
    Duration longest{};
    for (std::size_t i = 0; i < run.probes.size(); ++i) {
        const ProbePolicy& policy = service.policy.probes[i];
        ProbeState& probe = run.probes[i];
        if (!gates_readiness(policy) || probe.verdict == ProbeVerdict::passing) continue;
        longest += policy.timeout + held_up;
        if (!is_active(service, i)) continue;
        if (probe.under_way)
            longest += probe.ramp + policy.timeout;  // what it answers may be about the time before
        else
            probe.next_at = now;
    }
    if (longest == Duration::zero()) return false;
    run.asked_late = true;
    run.start_deadline = after(now, longest);
    return true;
}

void follow_ending(Service& service, Instant now, Output& output) {
    Run& run = *service.run;
    if (now >= run.leftovers_at) {
        run.leftovers_at = instant_never;
        ask(service, SendSignal{15, true}, output);
        remark(service, "its main process is gone; asked what is left of it to end", output);
    }
    if (now < run.kill_at) return;
    if (run.phase == RunPhase::asked) remark(service, "did not stop in time; SIGKILL to all of it", output);
    kill_tree(service, now, output);
}

}  // namespace

void await_launch(Service& service, Instant now) {
    Run& run = *service.run;
    run.answer_deadline = after(now, launch_answer_timeout);
    if (service.policy.start_timeout > Duration::zero())
        run.start_deadline = after(run.launched_at, service.policy.start_timeout);
}

void launch(Service& service, const std::string& reason, Instant now, Output& output) {
    const bool counted = std::exchange(service.launch_counted, false);
    if (service.generation.value > 0 && !counted) ++service.restarts;
    ++service.generation.value;
    service.restart_wanted = false;
    service.restart_when_back = false;
    service.stop_timeout.reset();
    Run& run = service.run.emplace();
    run.generation = service.generation;
    run.launched_at = now;
    run.probes.resize(service.policy.probes.size());
    await_launch(service, now);
    service.held = service.policy.listens;
    ask(service, Launch{}, output);
    enter(service, State::starting, reason, now, output);
}

void begin_stop(Service& service, EndCause cause, const std::string& reason, Instant now, Output& output) {
    Run& run = *service.run;
    run.cause = cause;
    run.ended_at = now;
    run.end_reason = reason;
    enter(service, State::stopping, reason, now, output);
    const Duration patience = service.stop_timeout.value_or(service.policy.stop_timeout);
    if (patience <= Duration::zero() || cause == EndCause::launch_unanswered) {
        kill_tree(service, now, output);
        return;
    }
    run.phase = RunPhase::asked;
    run.kill_at = after(now, patience);
    ask(service, SendSignal{service.policy.stop_signal, false}, output);
}

void kill_tree(Service& service, Instant now, Output& output) {
    Run& run = *service.run;
    run.phase = RunPhase::killing;
    run.leftovers_at = instant_never;
    run.kill_wait = run.kills == 0 ? kill_again : std::min(run.kill_wait * 2, kill_again_max);
    run.kill_at = after(now, run.kill_wait);
    if (++run.kills == 3)
        remark(service, "still has processes after SIGKILL; they may hang in the kernel", output);
    ask(service, KillTree{}, output);
}

void begin_probes(Service& service, Instant now) {
    Run& run = *service.run;
    for (std::size_t i = 0; i < run.probes.size(); ++i)
        if (is_active(service, i) && run.probes[i].next_at == instant_never)
            begin(run.probes[i], service.policy.probes[i], now);
}

void run_due_probes(Service& service, Instant now, Output& output) {
    if (!service.run || service.run->phase != RunPhase::running) return;
    Run& run = *service.run;
    for (std::size_t i = 0; i < run.probes.size(); ++i) {
        const ProbePolicy& policy = service.policy.probes[i];
        if (is_active(service, i) && run_if_due(run.probes[i], policy, now))
            ask(service, RunProbe{static_cast<std::uint32_t>(i), run.probes[i].sequence, policy.timeout},
                output);
    }
}

void update_readiness(Service& service, const std::string& reason, Instant now, Output& output) {
    const bool well = is_well(service);
    switch (service.state) {
        case State::starting:
            if (!well) return;
            service.run->was_ready = true;
            service.run->start_deadline = instant_never;
            // As systemd has it: who starts slowly sends its first WATCHDOG=1 after READY=1.
            watch(service, now);
            enter(service, State::ready, reason, now, output);
            return;
        case State::ready:
            if (!well) enter(service, State::unhealthy, reason, now, output);
            return;
        case State::unhealthy:
            if (well) enter(service, State::ready, reason, now, output);
            return;
        case State::stopped:
        case State::waiting:
        case State::stopping:
        case State::backoff:
        case State::failed:
        case State::done:
        case State::unknown:
            return;
    }
}

void watch(Service& service, Instant now) {
    Run& run = *service.run;
    const bool watched = service.policy.watchdog > Duration::zero() && run.is_heard;
    run.watchdog_deadline = watched ? after(now, service.policy.watchdog) : instant_never;
    run.silence_forgiven = false;
}

void follow_deadlines(Service& service, Instant now, Output& output) {
    Run& run = *service.run;
    if (run.phase == RunPhase::asked || run.phase == RunPhase::killing) {
        follow_ending(service, now, output);
        return;
    }
    const auto lasted = [&] { return format_duration_rounded(now - run.launched_at); };
    if (now >= run.answer_deadline)
        begin_stop(service, EndCause::launch_unanswered, "its launch was not confirmed", now, output);
    else if (now >= run.start_deadline && !ask_before_start_timeout(service, now))
        begin_stop(service, EndCause::start_timeout,
                   (service.policy.kind == Kind::job ? "was not done after " : "was not ready after ") +
                       lasted() + " (start_timeout)",
                   now, output);
    else if (now >= run.watchdog_deadline && !forgive_silence(service, now))
        begin_stop(service, EndCause::watchdog,
                   "sent no WATCHDOG=1 for " + format_duration_rounded(service.policy.watchdog), now, output);
}

std::string standing_reason(const Service& service) {
    const bool lacking = service.state == State::starting || service.state == State::unhealthy;
    if (!lacking || !service.run || service.run->phase != RunPhase::running ||
        service.policy.kind == Kind::job)
        return service.reason;
    std::string text;
    for (const std::string& lack : lacks(service)) text += (text.empty() ? "" : "; ") + lack;
    return text.empty() ? service.reason : text;
}

Instant next_deadline(const Service& service, const Run& run) {
    Instant next = std::min({run.answer_deadline, run.start_deadline, run.watchdog_deadline});
    switch (run.phase) {
        case RunPhase::launching:
            return next;
        case RunPhase::asked:
        case RunPhase::killing:
            return std::min(run.leftovers_at, run.kill_at);
        case RunPhase::running:
            break;
    }
    for (std::size_t i = 0; i < run.probes.size(); ++i)
        if (is_active(service, i)) next = std::min(next, run.probes[i].next_at);
    return next;
}

}  // namespace dpsup::core
