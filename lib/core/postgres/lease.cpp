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
    see(seen.record, seen.revision);
}

void Moves::take(const Written& written) {
    if (!me_.write || me_.write->number != written.number) return;
    const PendingWrite write = *me_.write;
    me_.write.reset();
    switch (written.outcome) {
        case Written::Outcome::written:
            me_.unsettled = 0;
            return see(write.record, written.revision);
        case Written::Outcome::refused:
            me_.unsettled = 0;
            if (!me_.seen || me_.seen->revision <= write.expected) me_.stale = true;
            return;
        case Written::Outcome::unknown:
            me_.renew_at = std::min(me_.renew_at, now_ + me_.policy.lease / 16);
            return;
    }
}

// What has not been answered by now is unknown.
void Moves::give_up_write() {
    if (!me_.write || now_ < me_.write->deadline) return;
    me_.write.reset();
    me_.renew_at = now_;
}

void Moves::see(const std::optional<Record>& record, Revision revision) {
    if (me_.seen && record && me_.seen->record && revision <= me_.seen->revision) {
        if (revision == me_.seen->revision) me_.stale = false;
        return;
    }
    if (me_.seen && !record && !me_.seen->record) return;
    if (!record && me_.holds(now_)) return create_again();
    const bool same_holder = me_.seen && me_.seen->record && record && me_.seen->record->term == record->term;
    me_.seen = Seen{record, revision, now_, me_.seen ? me_.seen->changes + 1 : 0};
    if (record && !me_.has_seen_record) {
        me_.has_seen_record = true;
        output_.effects.emplace_back(RememberCluster{});
    }
    me_.stale = false;
    // By compare-and-swap on an older revision nothing can be written any more.
    if (me_.unsettled < revision) me_.unsettled = 0;
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
        if (stamp == record.stamp) extend(at + me_.policy.lease);
}

void Moves::extend(Instant until) {
    if (until <= me_.lease_until) return;
    me_.lease_until = until;
    output_.effects.emplace_back(ExtendGuard{until});
}

void Moves::write(Record record, Revision expected) {
    const bool other_promise =
        !me_.seen || !me_.seen->record || me_.seen->record->promise != record.promise || expected == 0;
    if (other_promise) me_.unsettled = std::max<Revision>(expected, 1);
    record.stamp = mixed(me_.policy.seed ^ mixed(++me_.number));
    me_.sent.emplace_back(record.stamp, now_);
    if (me_.sent.size() > sent_max) me_.sent.pop_front();
    me_.write = PendingWrite{me_.number, expected, record, now_ + write_patience(me_.policy)};
    me_.renew_at = now_ + me_.policy.lease / 4;
    output_.effects.emplace_back(Write{me_.number, expected, std::move(record)});
}

// Every quarter of the lease, and at once where the record is to say something else.
void Moves::keep_lease() {
    if (me_.write || me_.stale || !me_.is_holder()) return;
    Record record = wanted_record();
    const bool changed = record != *me_.seen->record;
    if (!changed && now_ < me_.renew_at) return;
    write(std::move(record), me_.seen->revision);
}

// Another rule would not be covered by the promise that a write of unknown outcome may still make.
bool Moves::may_change_rule() const {
    return me_.unsettled == 0 && !me_.write;
}

void Moves::ask_for_time() {
    if (!me_.holds(now_) || me_.local.kind != LocalKind::primary) return me_.round.reset();
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
