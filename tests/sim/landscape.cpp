#include "sim/landscape.hpp"

#include <algorithm>

namespace dpsup::sim {
namespace {

using namespace std::chrono_literals;
using core::Change;
using core::Condition;
using core::Kind;

std::string name_of(std::size_t rank) {
    const auto digits = std::to_string(rank);
    return "s" + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

}  // namespace

Landscape::Landscape(std::uint64_t seed, std::size_t most) : random_(seed), ranks_(most + most / 2 + 2) {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) ranks_[rank].name = name_of(rank);
    density_ = random_.real(0, 3);
    job_share_ = random_.chance(0.2) ? 0.6 : 0.15;
    probe_share_ = random_.real(0, 1);
    budget_ = budget();
}

core::ConfigLoaded Landscape::first() {
    core::ConfigLoaded loaded{.changes = {}, .budget = budget_};
    const std::size_t most = (ranks_.size() - 2) * 2 / 3;
    const std::size_t wanted =
        random_.between(std::max<std::size_t>(1, most / 2), std::max<std::size_t>(1, most));
    std::set<std::size_t> chosen;
    while (chosen.size() < wanted) chosen.insert(random_.index(ranks_.size()));
    for (const auto rank : chosen) loaded.changes.push_back(add(rank));
    return loaded;
}

core::ServiceChange Landscape::add(std::size_t rank) {
    const ServiceId id{next_id_++};
    const auto kind = random_.chance(job_share_) ? Kind::job : Kind::service;
    core::ServiceChange change{.change = Change::add,
                               .service = id,
                               .policy = policy_for(rank, kind),
                               .cause = {},
                               .wanted_up = {},
                               .past = {}};
    if (random_.chance(0.2)) change.wanted_up = random_.chance(0.7);
    change.done = kind == Kind::job && random_.chance(0.2);
    ranks_[rank].service = id;
    services_[id] = change.policy;
    return change;
}

core::Policy Landscape::policy_for(std::size_t rank, Kind kind) {
    core::Policy policy;
    policy.name = ranks_[rank].name;
    policy.kind = kind;
    policy.autostart = random_.chance(0.9);
    policy.depends_on = dependencies_below(rank);
    policy.on_dependency_loss = random_.pick<core::OnDependencyLoss>(
        {core::OnDependencyLoss::keep, core::OnDependencyLoss::stop, core::OnDependencyLoss::restart});
    policy.restart = restart();
    if (kind == Kind::service && random_.chance(probe_share_))
        for (auto count = random_.between(1, 3); count > 0; --count) policy.probes.push_back(probe());
    policy.notify = kind == Kind::service && random_.chance(0.25);
    if (policy.notify && random_.chance(0.6)) policy.watchdog = random_.duration(2s, 60s);
    if (random_.chance(0.4)) policy.start_timeout = random_.duration(5s, 60s);
    if (policy.start_timeout > 0s)  // a sound program must be able to become ready in time
        for (const auto& p : policy.probes)
            policy.start_timeout += p.successes * (p.interval + p.timeout + p.start_interval) * 2;
    policy.stop_timeout = random_.chance(0.05) ? Duration::zero() : random_.duration(100ms, 20s);
    policy.stop_signal = random_.chance(0.8) ? 15 : 2;
    policy.can_reload = random_.chance(0.3);
    policy.listens = kind == Kind::service && random_.chance(0.3);
    return policy;
}

std::vector<core::Dependency> Landscape::dependencies_below(std::size_t rank) {
    std::vector<core::Dependency> found;
    if (rank == 0) return found;
    const auto count = static_cast<std::size_t>(random_.real(0, 2 * density_));
    std::set<std::size_t> chosen;
    for (std::size_t i = 0; i < count; ++i) {
        // Near ranks are likelier, so that chains get long.
        const auto reach = random_.chance(0.5) ? std::min<std::size_t>(rank, 5) : rank;
        const auto below = rank - 1 - random_.index(reach);
        const auto& other = ranks_[below];
        const bool optional = random_.chance(0.2);
        if ((!other.service && !optional) || !chosen.insert(below).second) continue;
        const auto condition = other.service ? condition_on(services_.at(*other.service)) : Condition::ready;
        found.push_back({.service = other.name, .condition = condition, .optional = optional});
    }
    return found;
}

core::Condition Landscape::condition_on(const core::Policy& dependency) {
    if (dependency.kind == Kind::job) return random_.chance(0.85) ? Condition::done : Condition::started;
    return random_.chance(0.6) ? Condition::ready : Condition::started;
}

core::RestartPolicy Landscape::restart() {
    core::RestartPolicy policy;
    const auto roll = random_.unit();
    policy.when = roll < 0.6   ? core::RestartWhen::always
                  : roll < 0.9 ? core::RestartWhen::on_failure
                               : core::RestartWhen::never;
    policy.delay = random_.chance(0.05) ? Duration::zero() : random_.duration(5ms, 5s);
    policy.delay_max = std::max(policy.delay, random_.duration(100ms, 60s));
    policy.factor = random_.chance(0.2) ? 1.0 : random_.real(1, 4);
    policy.jitter = random_.chance(0.3) ? 0 : random_.chance(0.1) ? 1 : random_.real(0, 0.5);
    policy.stable_after = random_.duration(1s, 120s);
    policy.give_up = random_.chance(0.2);
    policy.attempts = static_cast<std::uint32_t>(random_.between(1, 6));
    if (random_.chance(0.4)) policy.on_unknown = core::UnknownEnd::success;
    return policy;
}

core::ProbePolicy Landscape::probe() {
    using core::OnProbeFailure;
    using core::ProbeRole;
    core::ProbePolicy policy;
    policy.role = random_.pick<ProbeRole>(
        {ProbeRole::startup, ProbeRole::readiness, ProbeRole::liveness, ProbeRole::health});
    if (random_.chance(0.3)) policy.start_period = random_.duration(500ms, 30s);
    policy.start_interval = random_.duration(50ms, 2s);
    policy.interval = random_.duration(1s, 30s);
    policy.timeout = random_.duration(100ms, 10s);
    policy.retries = static_cast<std::uint32_t>(random_.between(1, 4));
    policy.successes = static_cast<std::uint32_t>(random_.between(1, 3));
    policy.on_failure = random_.chance(0.6)   ? OnProbeFailure::restart
                        : random_.chance(0.6) ? OnProbeFailure::alert
                                              : OnProbeFailure::stop;
    return policy;
}

core::RestartBudget Landscape::budget() {
    if (random_.chance(0.3)) return {};
    return {.burst = static_cast<double>(random_.between(1, 20)), .per_second = random_.real(0.3, 10)};
}

core::ConfigLoaded Landscape::change() {
    core::ConfigLoaded loaded{.changes = {}, .budget = budget_};
    std::set<ServiceId> touched;
    if (random_.chance(0.1)) loaded.budget = budget_ = budget();
    for (auto count = random_.between(0, 4); count > 0; --count) {
        const auto roll = random_.unit();
        if (roll < 0.2) {
            const auto rank = random_.index(ranks_.size());
            if (ranks_[rank].service) continue;
            auto added = add(rank);
            touched.insert(added.service);
            loaded.changes.push_back(std::move(added));
        } else if (roll < 0.4) {
            remove_one(loaded, touched);
        } else {
            change_one(loaded, touched);
        }
    }
    return loaded;
}

// The services that need the removed one lose the reference in the same change.
void Landscape::remove_one(core::ConfigLoaded& into, std::set<ServiceId>& touched) {
    if (services_.size() < 2) return;
    const auto removed = random_service();
    const auto name = services_.at(removed).name;
    std::vector<ServiceId> dependents;
    for (const auto& [id, policy] : services_) {
        const bool needs = std::ranges::any_of(
            policy.depends_on, [&](const auto& d) { return d.service == name && !d.optional; });
        if (needs) dependents.push_back(id);
    }
    const bool taken = touched.contains(removed) ||
                       std::ranges::any_of(dependents, [&](auto id) { return touched.contains(id); });
    if (taken || dependents.size() > 10) return;
    for (const auto id : dependents) {
        auto& policy = services_.at(id);
        std::erase_if(policy.depends_on, [&](const auto& d) { return d.service == name; });
        touched.insert(id);
        into.changes.push_back({.change = random_.chance(0.5) ? Change::update : Change::restart,
                                .service = id,
                                .policy = policy,
                                .cause = "depends_on changed",
                                .wanted_up = {},
                                .past = {}});
    }
    ranks_[rank_of(removed)].service.reset();
    services_.erase(removed);
    touched.insert(removed);
    into.changes.push_back({.change = Change::remove,
                            .service = removed,
                            .policy = {},
                            .cause = "gone",
                            .wanted_up = {},
                            .past = {}});
}

void Landscape::change_one(core::ConfigLoaded& into, std::set<ServiceId>& touched) {
    const auto id = random_service();
    if (!touched.insert(id).second) return;
    auto& policy = services_.at(id);
    auto fresh = policy_for(rank_of(id), policy.kind);
    const auto roll = random_.unit();
    const auto change = roll < 0.5                         ? Change::update
                        : roll < 0.65 && policy.can_reload ? Change::reload
                                                           : Change::restart;
    if (random_.chance(0.5)) fresh.depends_on = policy.depends_on;
    if (random_.chance(0.5)) fresh.probes = policy.probes;
    if (change == Change::reload) fresh.can_reload = true;
    fresh.autostart = policy.autostart;
    policy = fresh;
    into.changes.push_back(
        {.change = change, .service = id, .policy = policy, .cause = "changed", .wanted_up = {}, .past = {}});
}

std::size_t Landscape::rank_of(ServiceId service) const {
    const auto at = std::ranges::find_if(ranks_, [&](const Rank& rank) { return rank.service == service; });
    return static_cast<std::size_t>(at - ranks_.begin());
}

ServiceId Landscape::random_service() {
    auto at = services_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.index(services_.size())));
    return at->first;
}

}  // namespace dpsup::sim
