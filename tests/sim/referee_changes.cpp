// What a configuration changes, and what a new daemon takes over, in the referee's books.
#include <algorithm>

#include "sim/referee.hpp"

namespace dpsup::sim {

using namespace std::chrono_literals;
using core::Change;
using core::Condition;
using core::Kind;
using core::OnDependencyLoss;
using core::RestartWhen;
using core::State;
using core::Verb;
using core::Wanted;

void Referee::take(const core::ConfigLoaded& loaded, Instant now) {
    burst_most_ = std::max(burst_most_, loaded.budget.burst);
    burst_least_ = std::min(burst_least_, loaded.budget.burst);
    rate_most_ = std::max(rate_most_, loaded.budget.per_second);
    rate_least_ = std::min(rate_least_, loaded.budget.per_second);
    for (const auto& change : loaded.changes) change_one(change, now);
    rebuild_graph();
}

void Referee::change_one(const core::ServiceChange& change, Instant now) {
    auto& account = accounts_[change.service];
    account.id = change.service;
    switch (change.change) {
        case Change::add:
            account.policy = change.policy;
            account.wanted = change.wanted_up.value_or(change.policy.autostart) ? Wanted::up : Wanted::down;
            account.done = change.done;
            by_name_[change.policy.name] = change.service;
            break;
        case Change::update:
        case Change::reload:
            update(account, change.policy, now);
            break;
        case Change::restart:
            update(account, change.policy, now);
            account.restart_pending = account.run && account.wanted == Wanted::up;
            account.hold_unsure |= account.failed;
            if (account.wanted == Wanted::up) account.done = false;
            if (!account.run && account.told != State::waiting) account.heard_of_command(now);
            break;
        case Change::remove:
            account.removed = true;
            account.wanted = Wanted::down;
            account.restart_pending = false;
            if (by_name_[account.policy.name] == change.service) by_name_.erase(account.policy.name);
            break;
    }
    touch(change.service);
}

void Referee::update(Account& account, const core::Policy& policy, Instant now) {
    const auto old = account.policy;
    account.policy = policy;
    if (!account.run) return;
    auto& run = *account.run;
    run.stop_timeouts.push_back(policy.stop_timeout);
    run.on_losses.insert(policy.on_dependency_loss);
    if (old.on_dependency_loss != policy.on_dependency_loss || old.depends_on != policy.depends_on)
        run.forget_losses();  // nothing restarts for a dependency that it may no longer have
    if (old.start_timeout != policy.start_timeout || old.watchdog != policy.watchdog)
        run.timeouts_unsure = true;
    if (policy.notify && !old.notify && run.was_ready) run.notified = true;
    if (old.probes != policy.probes) replace_probes(run, policy, account.told == core::State::ready);
    note_readiness(account, now);
}

// What the new daemon has on record is what the books say. Its probes begin anew, and so does its patience with a start
// that it could not follow; a job needs nobody for getting done, and a stop goes on as it was.
void Referee::take_over(Account& account, Instant now) {
    account.not_after = std::max(account.not_after, now + 1s);
    account.held = false;
    if (!account.run) return;
    auto& run = *account.run;
    if (account.removed) {  // only how it is to be stopped is known of it
        core::Policy left;
        left.name = account.policy.name;
        left.depends_on = account.policy.depends_on;
        left.stop_signal = account.policy.stop_signal;
        left.stop_timeout = account.policy.stop_timeout;
        account.policy = left;
        run.probes.clear();
    }
    for (auto& probe : run.probes) {
        probe.sequence = 0;
        probe.under_way = false;
        probe.failures = probe.passes = 0;
        probe.counted_at = {};
    }
    run.sequences.clear();
    run.signalled = run.signal_told;
    if (account.policy.kind == Kind::service) run.start_from = now;
    run.heard = false;
    if (run.killed_at) run.killed_at = now;
    note_readiness(account, now);
}

// A well service stays well until a new probe has said otherwise.
void Referee::replace_probes(RunBook& run, const core::Policy& policy, bool well) {
    for (std::size_t i = 0; i < run.probes.size(); ++i)
        if (run.probes[i].sequence > 0)
            run.sequences.insert({static_cast<std::uint32_t>(i), run.probes[i].sequence});
    run.probes.assign(policy.probes.size(), {});
    for (auto& probe : run.probes)
        if (well) probe.verdict = ProbeBook::Verdict::passing;
}

// A removed service keeps its place until it is gone, or until another has taken its name.
std::optional<ServiceId> Referee::named(const std::string& name) const {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    for (const auto& [id, account] : accounts_)
        if (account.removed && !account.forgotten && account.policy.name == name) return id;
    return std::nullopt;
}

void Referee::rebuild_graph() {
    for (auto& [id, account] : accounts_) {
        account.dependencies.clear();
        account.dependents.clear();
    }
    for (auto& [id, account] : accounts_) {
        if (account.forgotten) continue;
        for (const auto& dependency : account.policy.depends_on) {
            const Edge edge{named(dependency.service), dependency.condition, dependency.optional};
            if (edge.service)
                accounts_[*edge.service].dependents.push_back({id, edge.condition, edge.optional});
            account.dependencies.push_back(edge);
        }
    }
}

}  // namespace dpsup::sim
