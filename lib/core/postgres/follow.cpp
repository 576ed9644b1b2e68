// What a member does while the lease is not its own.
#include <algorithm>

#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {

// It has been seen to write within the lease. What is seen for the first time may be older than it looks: see the vote.
bool Moves::holder_lives() const {
    return !me_.seen->record->released && me_.seen->changes > 0 && now_ < me_.seen->first + me_.policy.lease;
}

void Moves::follow() {
    if (!me_.seen) return;
    if (!me_.seen->record) return found_cluster();
    const Record& record = *me_.seen->record;
    switch (me_.local.kind) {
        case LocalKind::unknown:
        case LocalKind::dying:
        case LocalKind::primary:
            return;
        case LocalKind::no_data:
        case LocalKind::broken:
            if (holder_lives() && record.timeline != Timeline{}) begin(TaskKind::clone, record.holder);
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
    if (me_.write || now_ < me_.stand_at) return;
    Record record;
    record.term = 1;
    record.holder = me_.policy.name;
    record.members = me_.registered;
    if (!std::ranges::binary_search(record.members, me_.policy.name))
        record.members.insert(std::ranges::lower_bound(record.members, me_.policy.name), me_.policy.name);
    record.asynchronous = me_.policy.sync.mode == Mode::async;
    me_.stand_at = now_ + me_.policy.lease / 4;
    note("there is no cluster yet: creates it");
    write(std::move(record), 0);
}

void Moves::follow_down() {
    const Record& record = *me_.seen->record;
    if (record.holder == me_.policy.name && me_.local.was_primary) return;  // it may take the lease again
    const bool lives = holder_lives() && record.timeline != Timeline{};
    // Of a primary only what it shut down in order before the lineage's timeline began is known to be the lineage's.
    const bool its_end = record.ended == me_.policy.name && me_.local.position == record.end;
    const bool ended_before = me_.local.clean && (its_end || me_.local.position.timeline < record.timeline);
    if ((me_.local.was_primary && !ended_before) ||
        diverged(me_.local.position, record.timeline, record.forks)) {
        if (lives) begin(TaskKind::rewind, record.holder);
        return;
    }
    begin(TaskKind::start_standby, lives && me_.voted < me_.seen->revision ? record.holder : "");
}

std::string Moves::wanted_upstream() const {
    if (me_.voted >= me_.seen->revision) return me_.seen->record->released ? me_.local.upstream : "";
    return holder_lives() ? me_.seen->record->holder : me_.local.upstream;
}

void Moves::follow_standby() {
    const Record& record = *me_.seen->record;
    if (diverged(me_.local.position, record.timeline, record.forks)) {
        if (holder_lives()) begin(TaskKind::stop);
        return;
    }
    if (const std::string upstream = wanted_upstream(); upstream != me_.local.upstream)
        return begin(TaskKind::configure, upstream, closed_rule());
    const bool silent = holder_lives() && me_.local.upstream == record.holder && !me_.local.receiving &&
                        record.timeline != Timeline{};
    if (!silent) {
        me_.silent_since = instant_never;
    } else if (me_.silent_since == instant_never) {
        me_.silent_since = now_;
    } else if (now_ >= me_.silent_since + me_.policy.silence_max) {
        note("has received nothing from " + record.holder + ", which lives: copies it anew");
        begin(TaskKind::clone, record.holder);
    }
}

}  // namespace dpsup::core::postgres
