// What the core asked for, against what the books allow.
#include <algorithm>

#include "sim/referee.hpp"

namespace dpsup::sim {

using namespace std::chrono_literals;
using core::OnDependencyLoss;
using core::OnProbeFailure;
using core::ProbeRole;
using core::State;
using core::Wanted;

void Referee::take_effect(const core::Event&, const core::Effect& effect, Instant now) {
    const auto found = accounts_.find(effect.service);
    if (found == accounts_.end())
        throw Broken{"stop with a reason", "an effect for a service that never was"};
    auto& account = found->second;
    if (account.forgotten) broken("shutdown", account, "an effect for a service that was forgotten");
    touch(effect.service);
    std::visit([&](const auto& action) { check(account, effect, action, now); }, effect.action);
}

void Referee::check(Account& account, const core::Effect& effect, const core::Launch&, Instant now) {
    const bool taken = std::ranges::any_of(accounts_, [&](const auto& other) {
        return other.second.policy.name == account.policy.name &&
               (other.second.run || world_.live_instances(other.first) > 0);
    });
    if (taken) broken("one instance", account, "launched while an earlier instance may live");
    if (effect.generation <= account.highest) broken("one instance", account, "a generation was used twice");
    if (!up(account)) broken("wanted down", account, "launched, though it is wanted down");
    if (!account.hold_unsure) {
        if (account.failed) broken("policy", account, "launched after it had failed for good");
        if (account.done) broken("policy", account, "launched again after it was done");
    }
    if (now < account.not_before && !account.hold_unsure)
        broken("backoff", account, "launched again before its delay was over");
    for (const auto& edge : account.dependencies) {
        if (edge.optional) continue;
        if (!edge.service || !holds(at(*edge.service), edge.condition))
            broken("dependencies", account,
                   "launched before its dependency " + (edge.service ? at(*edge.service).policy.name : "?") +
                       " let it");
    }
    if (account.retrying) {
        // The first failure after a stable run is no storm.
        if (++account.retries > 1) check_budget(account, now);
    }
    account.held = account.policy.listens;
    ++account.launches;
    account.highest = effect.generation;
    account.restart_pending = account.retrying = account.done = account.failed = account.hold_unsure = false;
    account.not_before = now;
    account.not_after = instant_never;
    account.run.emplace();
    auto& run = *account.run;
    run.generation = effect.generation;
    run.asked_at = run.start_from = run.pinged_at = now;
    run.probes.resize(account.policy.probes.size());
    run.stop_timeouts = {account.policy.stop_timeout};
}

void Referee::check_budget(const Account& account, Instant now) {
    relaunches_ =
        std::max(0.0, relaunches_ - rate_most_ * std::chrono::duration<double>(now - leaked_at_).count()) + 1;
    leaked_at_ = now;
    const double allowed = burst_most_ + rate_most_ * std::chrono::duration<double>(delay_most_).count() + 1 +
                           static_cast<double>(promised_);
    if (relaunches_ > allowed)
        broken("budget", account, "restarts came faster than the host-wide budget allows");
}

Reasons Referee::reasons_to_end(const Account& account, Instant now) const {
    const auto& run = *account.run;
    const auto& policy = account.policy;
    Reasons reasons;
    reasons.down = !up(account);
    reasons.restart = account.restart_pending;
    const bool all_hold = std::ranges::all_of(account.dependencies, [&](const Edge& edge) {
        return edge.optional || (edge.service && holds(at(*edge.service), edge.condition));
    });
    for (const auto on_loss : run.on_losses)
        if (run.lost)
            reasons.lost |= on_loss == OnDependencyLoss::stop ||
                            (on_loss == OnDependencyLoss::restart && (all_hold || run.was_back));
    for (std::size_t i = 0; i < policy.probes.size(); ++i) {
        if (run.probes[i].verdict != ProbeBook::Verdict::failing) continue;
        reasons.probe_restart |= policy.probes[i].on_failure == OnProbeFailure::restart;
        reasons.probe_stop |= policy.probes[i].on_failure == OnProbeFailure::stop;
    }
    const auto start_end = std::max(run.start_from + policy.start_timeout, run.extended_until);
    reasons.start_timeout = policy.start_timeout > 0s && !account.ready() && now >= start_end;
    reasons.watchdog =
        policy.watchdog > 0s && run.heard && run.was_ready && now >= run.pinged_at + policy.watchdog;
    reasons.start_timeout |= run.timeouts_unsure;
    reasons.watchdog |= run.timeouts_unsure;
    reasons.unanswered = !run.launched && now >= run.asked_at + 1s;
    // What would have kept it from timing out may not have been told yet.
    if (!deadlines_count_) reasons.start_timeout = reasons.watchdog = reasons.unanswered = false;
    return reasons;
}

void Referee::begin_stop(Account& account, Instant now) {
    auto& run = *account.run;
    run.stopped_at = now;
    run.reasons = reasons_to_end(account, now);
    if (!run.reasons.any()) broken("stop with a reason", account, "ended without a reason");
    if (!run.reasons.failing() && !run.reasons.lost) check_stop_order(account);
    dependency_lost(account, false);
}

void Referee::check_stop_order(const Account& account) const {
    for (const auto& edge : account.dependents) {
        const auto& dependent = at(*edge.service);
        if (dependent.run && to_stop(dependent))
            broken("stop order", account,
                   "stopped before its dependent " + dependent.policy.name + ", which is also to stop");
    }
}

void Referee::check(Account& account, const core::Effect& effect, const core::Adopt&, Instant) {
    if (!account.run || account.run->generation != effect.generation)
        broken("takeover", account, "adopted an instance that is none");
    account.held = account.policy.listens;
}

void Referee::check(Account& account, const core::Effect& effect, const core::SendSignal& signal,
                    Instant now) {
    if (!account.run || account.run->generation != effect.generation)
        broken("stop with a reason", account, "a signal for an instance that is gone");
    const bool by_command = std::ranges::find(killed_by_command_, account.id) != killed_by_command_.end();
    if (by_command && signal.whole_tree && signal.signal == kill_signal_) return;
    auto& run = *account.run;
    if (!run.ending()) begin_stop(account, now);
    const bool leftovers = run.exit && signal.whole_tree;
    if (!leftovers && run.signalled)
        broken("stop with a reason", account, "the stop signal was sent twice, which may mean: at once");
    run.signalled |= !leftovers && run.launched;
    if (signal.signal != account.policy.stop_signal && run.stop_timeouts.size() == 1 && !leftovers)
        broken("stop with a reason", account, "a stop signal that is not the configured one");
}

void Referee::check(Account& account, const core::Effect& effect, const core::KillTree&, Instant now) {
    if (!account.run || account.run->generation != effect.generation)
        broken("stop with a reason", account, "a kill for an instance that is gone");
    const bool by_command = std::ranges::find(killed_by_command_, account.id) != killed_by_command_.end();
    if (by_command && kill_signal_ == 9) return;
    auto& run = *account.run;
    if (!run.ending()) begin_stop(account, now);
    const auto least = *std::ranges::min_element(run.stop_timeouts);
    const bool was_asked = run.launched && run.stopped_at && !run.exit && !run.killed_at;
    if (was_asked && now < *run.stopped_at + least)
        broken("stop with a reason", account, "killed before its stop timeout");
    run.killed_at = now;
}

void Referee::check(Account& account, const core::Effect& effect, const core::RunProbe& probe, Instant now) {
    if (!account.run || account.run->generation != effect.generation || !account.run->launched ||
        account.run->ending())
        broken("probes", account, "probed while it does not run");
    auto& run = *account.run;
    if (probe.probe >= account.policy.probes.size())
        broken("probes", account, "a probe that is not configured");
    const auto& policy = account.policy.probes[probe.probe];
    auto& book = run.probes[probe.probe];
    if (book.under_way && now < book.asked_at + policy.timeout)
        broken("probes", account, "a probe runs twice at a time");
    const bool used = run.sequences.contains({probe.probe, probe.sequence});
    if (used || (probe.sequence <= book.sequence && book.sequence > 0))
        broken("probes", account, "a sequence was used twice");
    if (book.passed_once && !book.under_way && now < book.ended_at + policy.interval)
        broken("probes", account, "probed again before its interval was over");
    if (probe.timeout != policy.timeout)
        broken("probes", account, "a timeout that is not the configured one");

    const bool startup = policy.role == ProbeRole::startup;
    if (startup && book.verdict == ProbeBook::Verdict::passing)
        broken("probes", account, "the startup probe ran after it had passed");
    for (std::size_t i = 0; i < run.probes.size() && !startup; ++i)
        if (account.policy.probes[i].role == ProbeRole::startup &&
            run.probes[i].verdict != ProbeBook::Verdict::passing)
            broken("probes", account, "a probe ran before the startup probe had passed");
    book.sequence = probe.sequence;
    book.under_way = true;
    book.asked_at = now;
}

void Referee::check(Account& account, const core::Effect& effect, const core::Reload&, Instant) {
    if (!account.run || account.run->generation != effect.generation || !account.run->launched ||
        account.run->ending())
        broken("stop with a reason", account, "reloaded while it does not run");
    if (!account.policy.can_reload)
        broken("stop with a reason", account, "reloaded, though it knows no reload");
}

void Referee::check(Account& account, const core::Effect&, const core::Hold&, Instant) {
    if (account.run || account.held || !account.policy.listens)
        broken("sockets", account, "held, though it runs, is held already, or does not listen");
    account.held = true;
}

void Referee::check(Account& account, const core::Effect&, const core::Release&, Instant) {
    if (account.run || !account.held) broken("sockets", account, "released, though it runs or is not held");
    account.held = false;
}

// Whatever a daemon died of, the next one lets the clients of what is on its way wait.
void Referee::check_held() const {
    for (const auto& [id, account] : accounts_) {
        const auto* service = core_.find(id);
        if (service != nullptr && !account.held && account.policy.listens &&
            !core::is_resting(service->state))
            broken("sockets", account, "its clients may not wait after a takeover");
    }
}

void Referee::check(Account& account, const core::Effect&, const core::Forget&, Instant) {
    if (account.held) broken("sockets", account, "forgotten with open sockets");
    if (!account.removed) broken("shutdown", account, "forgotten, though it is configured");
    if (account.run || world_.live_instances(account.id) > 0)
        broken("shutdown", account, "forgotten while something of it runs");
    account.forgotten = true;
    rebuild_graph();
}

}  // namespace dpsup::sim
