// What a member does while the lease is not its own.
#include <algorithm>

#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {

// It has been seen to write within the lease. What is seen for the first time may be older than it looks: see the vote.
bool Moves::holder_lives() const {
    return !me_.seen->record->released && me_.seen->changes > 0 && now_ < me_.seen->first + me_.policy.lease;
}

// And its timeline is the record's: it can be followed, copied, and wound back to.
bool Moves::holder_leads() const {
    return holder_lives() && !me_.seen->record->opening && me_.seen->record->timeline != Timeline{};
}

// It holds something that is none of the lineage's, or is of another cluster. A standby is judged by whole records: behind
// them it may hold the beginning of one, which PostgreSQL leaves out by itself.
bool Moves::has_left() const {
    const Record& record = *me_.seen->record;
    Position position = me_.local.position;
    if (me_.local.kind == LocalKind::standby) position.lsn = me_.local.replayed;
    return diverged(position, record.timeline, record.forks);
}

bool Moves::is_foreign() const {
    const std::uint64_t system = me_.seen->record->system;
    return system != 0 && me_.local.system != 0 && system != me_.local.system;
}

void Moves::follow() {
    if (!me_.seen) return;
    if (!me_.seen->record) return found_cluster();
    if (is_foreign()) return;  // nobody but its owner may touch it
    switch (me_.local.kind) {
        case LocalKind::unknown:
        case LocalKind::dying:
        case LocalKind::primary:
            return;
        case LocalKind::no_data:
        case LocalKind::broken:
            if (holder_leads()) begin(TaskKind::clone, me_.seen->record->holder);
            return;
        case LocalKind::down:
            return follow_down();
        case LocalKind::standby:
            return follow_standby();
    }
}

// Where a data directory is already, somebody must say that it is to be a cluster's first; and whoever has seen a record
// does not take its loss for the beginning.
void Moves::found_cluster() {
    if (me_.local.kind != LocalKind::no_data || me_.has_seen_record || me_.policy.no_failover) return;
    if (!may_write() || now_ < std::max(me_.stand_at, me_.seen->first + takeover_wait(me_.policy, {})))
        return;
    Record record;
    record.term = 1;
    record.holder = me_.policy.name;
    record.members = me_.registered;
    if (!std::ranges::binary_search(record.members, me_.policy.name))
        record.members.insert(std::ranges::lower_bound(record.members, me_.policy.name), me_.policy.name);
    record.asynchronous = me_.policy.sync.mode == Mode::async;
    record.lease = me_.policy.lease;
    record.opening = true;
    me_.stand_at = now_ + me_.policy.lease / 4;
    note("there is no cluster yet: creates it");
    write(std::move(record), 0);
}

void Moves::follow_down() {
    const Record& record = *me_.seen->record;
    if (record.holder == me_.policy.name && me_.local.was_primary) return;  // it may take the lease again
    // Of a primary only what it shut down in order before the lineage's timeline began is known to be the lineage's.
    const bool its_end = record.ended == me_.policy.name && me_.local.position == record.end;
    const bool ended_before = me_.local.clean && (its_end || me_.local.position.timeline < record.timeline);
    if ((me_.local.was_primary && !ended_before) || has_left()) {
        if (!holder_leads()) return;
        // Two timelines of one number cannot be told apart by pg_rewind.
        const bool same = me_.local.was_primary && me_.local.position.timeline == record.timeline;
        return begin(same ? TaskKind::clone : TaskKind::rewind, record.holder);
    }
    begin(TaskKind::start_standby, holder_leads() && me_.voted < me_.seen->revision ? record.holder : "");
}

std::string Moves::wanted_upstream() const {
    if (me_.voted >= me_.seen->revision) return me_.seen->record->released ? me_.local.upstream : "";
    return holder_leads() ? me_.seen->record->holder : me_.local.upstream;
}

void Moves::follow_standby() {
    const Record& record = *me_.seen->record;
    if (has_left()) {
        if (holder_leads()) begin(TaskKind::stop);
        return;
    }
    if (const std::string upstream = wanted_upstream(); upstream != me_.local.upstream)
        return begin(TaskKind::configure, upstream, closed_rule());
    if (!me_.local.stuck || me_.local.receiving || !holder_leads()) return;
    note("what it lacks " + record.holder + " no longer has: copies it anew");
    begin(TaskKind::clone, record.holder);
}

}  // namespace dpsup::core::postgres
