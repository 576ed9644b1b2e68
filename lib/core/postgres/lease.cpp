// The lease as the store has it: seeing the record, renewing it, and doing without the store for a while.
#include <algorithm>

#include "base/hash.hpp"
#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {
namespace {

constexpr std::size_t sent_max = 16;

Duration write_patience(const Policy& policy) {
    return policy.lease / 6;
}

}  // namespace

void Moves::take(const StoreSeen& seen) {
    if (me_.seen && seen.store != me_.seen->store) forget_store();
    see(seen.record, seen.revision, seen.store);
}

// What was seen in another store says nothing of this one.
void Moves::forget_store() {
    note("the store is another one, or was restored: looks at it anew");
    me_.seen.reset();
    me_.write.reset();
    me_.election.reset();
    me_.votes.clear();
    me_.sent.clear();
    me_.round.reset();
    me_.stale = false;
    me_.unsettled = me_.voted = 0;
}

void Moves::take(const Written& written) {
    if (!me_.write || me_.write->number != written.number) return;
    const PendingWrite write = *me_.write;
    me_.write.reset();
    switch (written.outcome) {
        case Written::Outcome::written:
            me_.unsettled = 0;
            return see(write.record, written.revision, me_.seen ? me_.seen->store : 0);
        case Written::Outcome::refused:
            me_.unsettled = 0;
            if (!me_.seen || me_.seen->revision <= write.expected) me_.stale = true;
            return;
        case Written::Outcome::unknown:
            me_.write_at = now_ + me_.policy.lease / 16;
            me_.renew_at = std::min(me_.renew_at, me_.write_at);
            return;
    }
}

// What has not been answered by now is unknown.
void Moves::give_up_write() {
    if (!me_.write || now_ < me_.write->deadline) return;
    me_.write.reset();
    me_.renew_at = now_;
}

bool Moves::may_write() const {
    return !me_.write && !me_.stale && now_ >= me_.write_at;
}

void Moves::see(const std::optional<Record>& record, Revision revision, std::uint64_t store) {
    if (me_.seen && record && me_.seen->record && revision <= me_.seen->revision) {
        if (revision < me_.seen->revision) return;
        me_.seen->confirmed = now_;
        me_.stale = false;
        return;
    }
    if (me_.seen && !record && !me_.seen->record) return;
    if (!record && me_.holds(now_)) return create_again();
    const bool same_holder = me_.seen && me_.seen->record && record && me_.seen->record->term == record->term;
    const bool first = !me_.seen;
    me_.seen = Seen{record, revision, now_, first ? 0 : me_.seen->changes + 1, now_, store};
    if (record && !me_.has_seen_record) {
        me_.has_seen_record = true;
        output_.effects.emplace_back(RememberCluster{});
    }
    me_.stale = false;
    // By compare-and-swap on an older revision nothing can be written any more.
    if (me_.unsettled < revision) me_.unsettled = 0;
    if (first && me_.is_holder()) me_.unsettled = revision;  // an earlier life may have written on
    if (record) credit(*record);
    if (me_.election && me_.election->revision != revision) me_.election.reset();
    if (!me_.is_holder()) me_.successor.reset();
    if (same_holder) return;
    me_.restarts = me_.promotions_failed = 0;
    me_.round.reset();
}

// Somebody has removed the record. As long as nobody could have taken the lease it is ours.
void Moves::create_again() {
    me_.seen->revision = 0;
    me_.stale = false;
    if (me_.write) return;
    Record record = *me_.seen->record;
    note("the record has gone: creates it again");
    write(std::move(record), 0);
}

// A write of ours that is seen to have been written counts from when it was sent.
void Moves::credit(const Record& record) {
    if (record.holder != me_.policy.name) return;
    for (const auto& [stamp, at] : me_.sent)
        if (stamp == record.stamp) extend(at + record.lease);
}

void Moves::extend(Instant until) {
    if (until <= me_.lease_until) return;
    me_.lease_until = until;
    output_.effects.emplace_back(SetGuard{until});
}

// Whoever sees a record with a shorter lease waits no longer than that, whether or not we know that it was written.
void Moves::shorten(Instant until) {
    if (until >= me_.lease_until) return;
    me_.lease_until = until;
    output_.effects.emplace_back(SetGuard{until});
}

void Moves::write(Record record, Revision expected) {
    const bool renews = me_.seen && me_.seen->record && record == *me_.seen->record && expected != 0;
    if (!renews) me_.unsettled = std::max<Revision>(expected, 1);
    shorten(now_ + record.lease);
    record.stamp = mixed(me_.policy.seed ^ mixed(++me_.number));
    me_.sent.emplace_back(record.stamp, now_);
    if (me_.sent.size() > sent_max) me_.sent.pop_front();
    me_.write = PendingWrite{me_.number, expected, record, now_ + write_patience(me_.policy)};
    me_.renew_at = now_ + me_.policy.lease / 4;
    output_.effects.emplace_back(Write{me_.number, expected, std::move(record)});
}

// Every quarter of the lease, and at once where the record is to say something else.
void Moves::keep_lease() {
    if (!may_write() || !me_.is_holder()) return;
    Record record = wanted_record();
    const bool changed = record != *me_.seen->record && me_.holds(now_);
    if (!changed && now_ < me_.renew_at) return;
    write(std::move(record), me_.seen->revision);
}

// Nothing that a write of unknown outcome would not bear: another rule, or an open primary where the lease was released.
bool Moves::is_settled() const {
    return me_.unsettled == 0 && !me_.write && !me_.stale;
}

void Moves::ask_for_time() {
    if (!me_.holds(now_) || me_.local.kind != LocalKind::primary || me_.unsettled != 0)
        return me_.round.reset();
    // While the store answers, the lease always ends later than that.
    if (me_.lease_until - now_ > me_.policy.lease / 2 || now_ < me_.round_at) return;
    me_.round_at = now_ + me_.policy.lease / 4;
    me_.round = TimeRound{++me_.number, now_, {}};
    for (const std::string& name : me_.seen->record->members) {
        if (name == me_.policy.name) continue;
        me_.round->missing.push_back(name);
        output_.effects.emplace_back(Ask{
            name, me_.number, TimeQuestion{me_.seen->record->term, me_.seen->revision, me_.policy.lease}});
    }
    if (me_.round->missing.empty()) extend(now_ + me_.policy.lease);
}

}  // namespace dpsup::core::postgres
