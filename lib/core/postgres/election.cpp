// Who may take the lease, and what is answered to others who would.
#include <algorithm>

#include "base/hash.hpp"
#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {
namespace {

Duration answer_patience(const Policy& policy) {
    return policy.lease / 8;
}

}  // namespace

// The last holder has all that was ever acknowledged.
bool Moves::was_last_holder() const {
    return me_.seen->record->holder == me_.policy.name;
}

bool Moves::may_stand() const {
    if (!me_.seen || !me_.seen->record || me_.is_holder() || !may_write() || me_.task) return false;
    if (now_ < me_.stand_at || now_ < me_.promised_until) return false;
    const Record& record = *me_.seen->record;
    if (!std::ranges::binary_search(record.members, me_.policy.name)) return false;
    if (was_last_holder() && me_.local.kind == LocalKind::down && me_.local.was_primary) return true;
    if (me_.local.kind != LocalKind::standby || has_left() || is_foreign()) return false;
    return !me_.policy.no_failover;
}

// And whether anybody but the last holder could be elected at all.
bool Moves::is_due() const {
    const Record& record = *me_.seen->record;
    const Instant first = me_.seen->first;
    if (was_last_holder()) return record.released && now_ >= first + me_.policy.handover_patience;
    if (record.ended.empty() && !record.asynchronous &&
        answers_needed(record.promise) > record.promise.members.size())
        return false;
    if (!record.released) return me_.seen->confirmed >= first + takeover_wait(me_.policy, record.lease);
    const bool mine = record.successor.empty() || record.successor == me_.policy.name;
    return mine || now_ >= first + me_.policy.handover_patience;
}

// Whoever is cut off from the store does not even ask: to answer, and to ask, a member stops receiving.
void Moves::read_again() {
    if (!me_.seen || !me_.seen->record || me_.is_holder() || me_.seen->record->released) return;
    const Instant due = me_.seen->first + takeover_wait(me_.policy, me_.seen->record->lease);
    if (now_ < due || me_.seen->confirmed >= due || now_ < me_.read_at) return;
    me_.read_at = now_ + answer_patience(me_.policy);
    output_.effects.emplace_back(Read{});
}

void Moves::stand() {
    read_again();
    if (me_.election && now_ >= me_.election->deadline) decide();
    if (me_.election || !may_stand() || !is_due()) return;
    begin_election();
}

void Moves::begin_election() {
    me_.voted = std::max(me_.voted, me_.seen->revision);
    if (was_last_holder()) return take_over("nobody else did, and it was the last to lead");
    me_.election =
        Election{me_.seen->revision, ++me_.number, false, {}, {}, now_ + answer_patience(me_.policy)};
    for (const std::string& peer : me_.seen->record->members)
        if (peer != me_.policy.name)
            output_.effects.emplace_back(Ask{peer, me_.number, VoteQuestion{me_.seen->revision}});
    measure_once_cut_off();
}

void Moves::take(const Answered& answered) {
    if (me_.election && me_.election->number == answered.number) {
        me_.election->answers[answered.peer] = answered.answer;
        return decide();
    }
    if (!me_.round || me_.round->number != answered.number || !answered.answer.granted) return;
    std::erase(me_.round->missing, answered.peer);
    if (!me_.round->missing.empty()) return;
    if (me_.holds(now_)) extend(me_.round->sent + me_.policy.lease);
    me_.round.reset();
}

void Moves::decide() {
    const bool late = now_ >= me_.election->deadline;
    if (me_.task && !late) return;  // it is being cut off
    if (!may_stand()) return lose("it is not able to lead");
    if (!me_.election->own) return late ? lose("its own position is not known") : void();
    const Position own = *me_.election->own;
    const Record& record = *me_.seen->record;
    if (!record.ended.empty() && own.timeline == record.end.timeline && own >= record.end)
        return take_over("it has all of the log of " + record.ended + ", which was shut down in order");
    for (const auto& [peer, answer] : me_.election->answers) {
        const bool counts = answer.stands || std::ranges::binary_search(record.promise.members, peer);
        if (answer.granted && counts && answer.position > own) return lose(peer + " has more of the log");
        if (answer.veto && record.asynchronous) return lose(peer + ": " + answer.reason);
    }
    if (enough_answers()) return take_over("as many as needed have no more of the log");
    if (late) lose("too few members answered");
}

bool Moves::enough_answers() const {
    const Record& record = *me_.seen->record;
    const auto& answers = me_.election->answers;
    if (record.asynchronous) {
        const bool all = answers.size() + 1 >= record.members.size();
        const bool near = me_.election->own->lsn.value + me_.policy.lag_max >= record.written.value;
        return near && (all || now_ >= me_.election->deadline);
    }
    const auto count = std::ranges::count_if(record.promise.members, [&](const std::string& name) {
        const auto found = answers.find(name);
        return name == me_.policy.name || (found != answers.end() && found->second.granted);
    });
    return static_cast<std::size_t>(count) >= answers_needed(record.promise);
}

void Moves::lose(const std::string& why) {
    note("does not take the lease: " + why);
    me_.election.reset();
    const auto chance = mixed(me_.policy.seed + me_.number) % 1024;
    me_.stand_at = now_ + me_.policy.lease / 8 + me_.policy.lease / 4096 * static_cast<std::int64_t>(chance);
}

void Moves::take_over(const std::string& why) {
    note("takes the lease: " + why);
    me_.crashed = false;
    Record record = takeover_record();
    me_.voters.clear();
    if (me_.election)
        for (const auto& [peer, answer] : me_.election->answers)
            if (answer.granted) me_.voters.push_back(peer);
    me_.election.reset();
    me_.stand_at = now_ + me_.policy.lease / 8;
    write(std::move(record), me_.seen->revision);
}

// All that was acknowledged is on whoever leads now, on those that have as much of the log, and on a holder that was shut
// down in order.
Record Moves::takeover_record() const {
    Record record = *me_.seen->record;
    ++record.term;
    record.released = false;
    record.successor.clear();
    record.lease = me_.policy.lease;
    if (was_last_holder()) {
        record.ended.clear();  // it goes on from there
        return record;
    }
    record.holder = me_.policy.name;
    record.opening = true;
    record.promise = {};
    if (record.asynchronous || !me_.election) return record;
    std::vector<std::string>& members = record.promise.members;
    for (const auto& [peer, answer] : me_.election->answers)
        if (answer.granted && answer.position == *me_.election->own) members.push_back(peer);
    if (!record.ended.empty()) members.push_back(record.ended);
    std::ranges::sort(members);
    members.erase(std::ranges::unique(members).begin(), members.end());
    record.promise.required = std::min(me_.policy.sync.required, static_cast<std::uint32_t>(members.size()));
    return record;
}

void Moves::take(const Asked& asked) {
    if (const auto* vote = std::get_if<VoteQuestion>(&asked.question)) return vote_asked(asked, *vote);
    time_asked(asked, std::get<TimeQuestion>(asked.question));
}

void Moves::reply(const Asked& asked, Answer answer) {
    output_.effects.emplace_back(Reply{asked.peer, asked.number, std::move(answer)});
}

void Moves::refuse(const Asked& asked, std::string why, bool veto) {
    reply(asked, {.granted = false, .position = {}, .veto = veto, .stands = true, .reason = std::move(why)});
}

void Moves::vote_asked(const Asked& asked, const VoteQuestion& question) {
    if (!me_.seen || !me_.seen->record) return refuse(asked, "it has not seen the record");
    if (may_be_primary()) return refuse(asked, "it is primary", true);
    if (now_ < me_.promised_until) return refuse(asked, "it has promised the primary to wait", true);
    if (me_.seen->revision > question.revision) return refuse(asked, "the record has changed meanwhile");
    if (me_.seen->revision == question.revision && holder_lives())
        return refuse(asked, me_.seen->record->holder + " lives", true);
    if (me_.task || me_.local.kind != LocalKind::standby) return refuse(asked, "its PostgreSQL does not run");
    if (has_left() || is_foreign()) return refuse(asked, "its log is none of the cluster's");
    me_.voted = std::max(me_.voted, question.revision);
    std::erase_if(me_.votes, [&](const Vote& vote) { return vote.peer == asked.peer; });
    me_.votes.push_back({asked.peer, asked.number, question.revision, 0, now_ + answer_patience(me_.policy)});
}

// Once nothing is received any more, and so nothing confirmed, from the holder of that revision. One that has released
// the lease is dead.
bool Moves::is_cut_off(Revision revision) const {
    if (me_.task || me_.local.kind != LocalKind::standby) return false;
    if (me_.seen->revision == revision && me_.seen->record && me_.seen->record->released) return true;
    return me_.local.upstream.empty() && !me_.local.receiving;
}

// Voters, and the candidate itself: what it received and confirmed later, those who have as much as it would lack.
void Moves::measure_once_cut_off() {
    if (me_.election && !me_.election->measures && is_cut_off(me_.election->revision)) {
        me_.election->measures = true;
        output_.effects.emplace_back(Measure{me_.election->number});
    }
    std::erase_if(me_.votes, [this](const Vote& vote) {
        return now_ >= vote.deadline || me_.seen->revision > vote.revision;
    });
    for (Vote& vote : me_.votes) {
        if (vote.measure != 0 || !is_cut_off(vote.revision)) continue;
        vote.measure = ++me_.number;
        output_.effects.emplace_back(Measure{me_.number});
    }
}

void Moves::measured(const LocalSeen& seen) {
    if (seen.local.kind != LocalKind::standby) return;
    if (me_.election && me_.election->number == seen.number) {
        if (!is_cut_off(me_.election->revision)) return;
        me_.election->own = seen.local.position;
        return decide();
    }
    const auto vote =
        std::ranges::find_if(me_.votes, [&](const Vote& one) { return one.measure == seen.number; });
    if (vote == me_.votes.end() || !is_cut_off(vote->revision)) return;
    output_.effects.emplace_back(Reply{vote->peer,
                                       vote->number,
                                       {.granted = true,
                                        .position = seen.local.position,
                                        .veto = false,
                                        .stands = !me_.policy.no_failover,
                                        .reason = {}}});
    me_.votes.erase(vote);
}

void Moves::time_asked(const Asked& asked, const TimeQuestion& question) {
    if (!me_.seen || !me_.seen->record) return refuse(asked, "it has not seen the record");
    const Record& record = *me_.seen->record;
    if (record.holder != asked.peer || record.term != question.term || record.released)
        return refuse(asked, "the lease is " + record.holder + "'s");
    if (me_.voted >= question.revision || me_.seen->changes == 0)
        return refuse(asked, "it has taken part in an election, or may have");
    me_.election.reset();
    me_.promised_until =
        std::max(me_.promised_until, now_ + question.lease + question.lease / 32 + me_.policy.margin);
    reply(asked, {.granted = true, .position = {}, .veto = false, .stands = true, .reason = {}});
}

}  // namespace dpsup::core::postgres
