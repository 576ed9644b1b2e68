#include "core/postgres/sync_rule.hpp"

#include <algorithm>
#include <iterator>

namespace dpsup::core::postgres {
namespace {

bool contains(const std::vector<std::string>& sorted, const std::string& name) {
    return std::ranges::binary_search(sorted, name);
}

bool can_acknowledge(const SyncRule& rule) {
    return rule.required <= rule.members.size();
}

std::size_t flushed_by(const std::vector<std::string>& members, Lsn lsn,
                       const std::vector<Downstream>& streaming) {
    return static_cast<std::size_t>(std::ranges::count_if(
        streaming, [&](const Downstream& one) { return contains(members, one.name) && one.flushed >= lsn; }));
}

// What may be acknowledged while one walsender goes by the one rule already and another by the other still: each looks at
// what all have flushed.
SyncRule mixture(const SyncRule& rule, const SyncRule& wanted) {
    if (!can_acknowledge(rule)) return wanted;
    if (!can_acknowledge(wanted)) return rule;
    return widened(rule, wanted);
}

}  // namespace

SyncRule closed_rule() {
    return {{}, 1};
}

bool keeps(const SyncRule& rule, const SyncRule& promise) {
    if (!can_acknowledge(rule) || promise.required == 0) return true;
    const auto strangers = static_cast<std::size_t>(std::ranges::count_if(
        rule.members, [&](const std::string& name) { return !contains(promise.members, name); }));
    return rule.required >= promise.required + strangers;
}

SyncRule widened(const SyncRule& promise, const SyncRule& rule) {
    SyncRule both;
    std::ranges::set_union(promise.members, rule.members, std::back_inserter(both.members));
    both.required = std::min(promise.required, rule.required);
    return both;
}

std::size_t answers_needed(const SyncRule& promise) {
    return promise.members.size() + 1 - std::min<std::size_t>(promise.required, promise.members.size());
}

SyncRule choose_rule(const SyncPolicy& policy, const SyncRule& present,
                     const std::vector<Downstream>& streaming) {
    if (policy.mode == Mode::async) return {};
    std::vector<const Downstream*> able;
    for (const Downstream& one : streaming)
        if (!one.no_sync) able.push_back(&one);
    std::ranges::sort(able, [&](const Downstream* left, const Downstream* right) {
        const bool left_present = contains(present.members, left->name);
        const bool right_present = contains(present.members, right->name);
        if (left_present != right_present) return left_present;
        if (left->flushed != right->flushed) return left->flushed > right->flushed;
        return left->name < right->name;
    });
    if (policy.strict && able.size() < policy.required) {
        // What is there waits; whoever comes back goes on vouching for what he has.
        if (present.required >= policy.required && can_acknowledge(present)) return present;
    }
    if (policy.mode == Mode::sync && able.size() > policy.required) able.resize(policy.required);
    SyncRule rule;
    for (const Downstream* one : able) rule.members.push_back(one->name);
    std::ranges::sort(rule.members);
    rule.required = policy.required;
    if (!policy.strict)
        rule.required = std::min(rule.required, static_cast<std::uint32_t>(rule.members.size()));
    return rule;
}

SyncStep next_step(const SyncRule& wanted, const SyncRule& rule, Lsn effective_since, const SyncRule& promise,
                   const std::vector<Downstream>& streaming) {
    const SyncRule mixed = mixture(rule, wanted);
    if (!keeps(mixed, promise)) return {widened(promise, mixed), std::nullopt};
    if (rule != wanted) return {std::nullopt, wanted};
    if (promise == wanted) return {};
    if (!can_acknowledge(wanted)) return {};
    if (flushed_by(wanted.members, effective_since, streaming) < wanted.required) return {};
    return {wanted, std::nullopt};
}

}  // namespace dpsup::core::postgres
