// What a member does while the lease is its own.
#include <algorithm>
#include <iterator>

#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {
namespace {

constexpr std::size_t forks_max = 16;  // whoever is further behind is copied

void add_all(std::vector<std::string>& sorted, std::vector<std::string> names) {
    std::vector<std::string> all;
    std::ranges::sort(names);
    std::ranges::set_union(sorted, names, std::back_inserter(all));
    sorted = std::move(all);
}

bool streams(const Local& local, const std::string& name) {
    return std::ranges::any_of(local.streaming, [&](const Downstream& one) { return one.name == name; });
}

}  // namespace

void Moves::take(const Exited& exited) {
    if (exited.after != me_.last_task) return;
    if (me_.local.kind == LocalKind::primary) {
        me_.crashed = true;
        me_.has_heirs = has_heirs();
    }
    me_.local.kind = LocalKind::dying;
    me_.local.receiving = false;
}

// Whether enough of those who vouch for its commits were there just now to elect one of them.
bool Moves::has_heirs() const {
    if (!me_.is_holder()) return false;
    const SyncRule& promise = me_.seen->record->promise;
    const auto there = std::ranges::count_if(
        promise.members, [this](const std::string& name) { return streams(me_.local, name); });
    return static_cast<std::size_t>(there) >= answers_needed(promise);
}

void Moves::lead() {
    const bool no_cluster_yet = me_.seen->record->timeline == Timeline{};
    switch (me_.local.kind) {
        case LocalKind::unknown:
        case LocalKind::dying:
            return;
        case LocalKind::no_data:
        case LocalKind::broken:
            if (!no_cluster_yet) return release("its data directory has gone, or is broken");
            if (is_settled()) begin(TaskKind::initialise, {}, closed_rule());
            return;
        case LocalKind::down:
            return lead_down();
        case LocalKind::standby:
            return lead_standby();
        case LocalKind::primary:
            return lead_primary();
    }
}

void Moves::lead_down() {
    if (me_.successor && me_.local.clean) return release("switchover to " + *me_.successor);
    if (me_.promotions_failed >= promotions_max) return release("it cannot be promoted");
    if (me_.crashed && me_.has_heirs)
        return release("PostgreSQL ended, and a standby has all that was committed");
    if (me_.restarts >= me_.policy.restarts_max) return release("it does not start");
    if (!is_settled()) return;
    ++me_.restarts;
    note("starts PostgreSQL again in place");
    if (me_.local.was_primary)
        begin(TaskKind::start_primary, {}, closed_rule());
    else
        begin(TaskKind::start_standby);
}

void Moves::lead_standby() {
    if (me_.promotions_failed >= promotions_max) return kill("it cannot be promoted");
    if (is_settled()) begin(TaskKind::promote, {}, closed_rule());
}

// The record names the timeline of the local primary.
bool Moves::is_published() const {
    const Record& record = *me_.seen->record;
    return !record.opening && record.timeline == me_.local.position.timeline;
}

bool Moves::begins_new_timeline() const {
    return me_.local.position.timeline > me_.seen->record->timeline;
}

void Moves::lead_primary() {
    if (!is_published()) {
        if (!begins_new_timeline()) kill("its timeline has a number that another has had");
        return;
    }
    me_.restarts = 0;
    if (me_.successor) {
        if (streams(me_.local, *me_.successor)) return begin(TaskKind::stop);
        note("no switchover to " + *me_.successor + ": it does not stream from here");
        me_.successor.reset();
    }
    const SyncStep step = sync_step();
    if (step.rule && is_settled()) begin(TaskKind::configure, {}, *step.rule);
}

// Those who answered when it was elected are about to stream from it: fewer need not do for that moment.
SyncRule Moves::wanted_rule() const {
    SyncRule rule = choose_rule(me_.policy.sync, me_.local.rule, me_.local.streaming);
    const bool weak = me_.policy.sync.mode != Mode::async && rule.required < me_.policy.sync.required;
    const bool more_come = std::ranges::any_of(
        me_.voters, [this](const std::string& name) { return !streams(me_.local, name); });
    if (weak && more_come && now_ < me_.promoted_at + me_.policy.sync_patience) return me_.local.rule;
    return rule;
}

SyncStep Moves::sync_step() const {
    return next_step(wanted_rule(), me_.local.rule, me_.local.rule_since, me_.seen->record->promise,
                     me_.local.streaming);
}

// What the record should say, but for its stamp.
Record Moves::wanted_record() const {
    Record record = *me_.seen->record;
    add_all(record.members, me_.registered);
    record.asynchronous = me_.policy.sync.mode == Mode::async;
    record.lease = me_.policy.lease;
    if (me_.task || me_.local.kind != LocalKind::primary || !me_.holds(now_)) return record;
    if (!is_published()) {
        if (!begins_new_timeline()) return record;
        record.opening = false;
        record.ended.clear();
        record.system = me_.local.system;
        record.timeline = me_.local.position.timeline;
        record.forks.push_back({record.timeline, me_.local.fork});
        if (record.forks.size() > forks_max) record.forks.erase(record.forks.begin());
        return record;
    }
    const SyncStep step = sync_step();
    if (step.promise) record.promise = *step.promise;
    return record;
}

// Nothing of PostgreSQL runs here any more.
void Moves::release(const std::string& why) {
    if (!may_write()) return;
    Record record = *me_.seen->record;
    record.released = true;
    if (me_.local.kind == LocalKind::down && me_.local.was_primary && me_.local.clean) {
        record.ended = me_.policy.name;
        record.end = me_.local.position;
    }
    record.successor = me_.successor.value_or("");
    note("releases the lease: " + why);
    write(std::move(record), me_.seen->revision);
}

}  // namespace dpsup::core::postgres
