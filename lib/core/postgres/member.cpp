#include "core/postgres/member.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/postgres/moves.hpp"

namespace dpsup::core::postgres {
namespace {

// A kill is asked for again after that time: what it waits for may be in an uninterruptible sleep.
constexpr Duration kill_again = std::chrono::seconds(5);
constexpr Duration task_pause_min = std::chrono::milliseconds(500);
constexpr Duration task_pause_max = std::chrono::seconds(30);

Duration pause_after(std::uint32_t failures) {
    Duration pause = task_pause_min;
    for (std::uint32_t i = 1; i < failures && pause < task_pause_max; ++i) pause *= 2;
    return std::min(pause, task_pause_max);
}

// What takes longer hangs. How long a copy or crash recovery takes nobody knows.
Duration longest(TaskKind kind) {
    switch (kind) {
        case TaskKind::configure:
            return std::chrono::seconds(10);
        case TaskKind::promote:
        case TaskKind::stop:
            return std::chrono::seconds(60);
        case TaskKind::initialise:
        case TaskKind::start_standby:
        case TaskKind::start_primary:
            return std::chrono::minutes(5);
        case TaskKind::clone:
        case TaskKind::rewind:
        case TaskKind::kill:
            return Duration::max();
    }
    return Duration::max();
}

}  // namespace

bool Member::is_holder() const {
    return seen && seen->record && seen->record->holder == policy.name && !seen->record->released;
}

bool Member::holds(Instant now) const {
    return is_holder() && now < lease_until;
}

Member make_member(Policy policy, const Inherited& inherited, Instant now) {
    Member member;
    member.policy = std::move(policy);
    member.lease_until = inherited.lease_until;
    member.has_seen_record = inherited.has_seen_record;
    member.renew_at = now;
    member.round_at = now;
    member.stand_at = now;
    member.task_at = now;
    member.promoted_at = now;
    member.promised_until = now;
    return member;
}

Output step(Member& member, const Event& event, Instant now) {
    Output output;
    Moves moves(member, now, output);
    std::visit([&](const auto& fact) { moves.take(fact); }, event);
    moves.advance();
    return output;
}

// While a task changes it, only its end says what came of it.
void Moves::take(const LocalSeen& seen) {
    if (me_.task || me_.local.kind == LocalKind::dying || seen.after != me_.last_task) return;
    me_.local = seen.local;
    if (seen.number != 0) measured(seen);
}

void Moves::take(const TaskEnded& ended) {
    if (!me_.task || me_.task->number != ended.number) return;
    const TaskKind kind = me_.task->kind;
    me_.task.reset();
    me_.last_task = ended.number;
    me_.local = ended.local;
    if (ended.success) {
        me_.failures = 0;
        if (kind == TaskKind::promote) me_.promoted_at = now_;
        if (kind == TaskKind::promote || kind == TaskKind::start_primary) me_.crashed = false;
        return;
    }
    note(ended.detail);
    ++me_.failures;
    me_.task_at = now_ + pause_after(me_.failures);
    if (kind == TaskKind::promote) ++me_.promotions_failed;
    if (kind == TaskKind::stop) me_.successor.reset();
}

void Moves::take(const Registered& registered) {
    me_.registered = registered.members;
}

void Moves::take(const SwitchoverAsked& asked) {
    if (me_.is_holder()) me_.successor = asked.successor;
}

void Moves::take(const DeadlineReached& /*reached*/) {}

void Moves::begin(TaskKind kind, const std::string& source, const SyncRule& rule) {
    me_.task = PendingTask{++me_.number, kind, now_, after(now_, longest(kind))};
    const Timeline behind = me_.seen && me_.seen->record ? me_.seen->record->timeline : Timeline{};
    output_.effects.emplace_back(Task{me_.number, kind, source, rule, behind});
}

void Moves::kill(const std::string& why) {
    if (me_.task && me_.task->kind == TaskKind::kill && now_ < me_.task->begun + kill_again) return;
    if (!me_.task || me_.task->kind != TaskKind::kill) note("kills PostgreSQL: " + why);
    me_.local.kind = LocalKind::dying;
    begin(TaskKind::kill);
}

// It accepts writes, or a task under way may make it so.
bool Moves::may_be_primary() const {
    if (me_.local.kind == LocalKind::primary) return true;
    if (!me_.task) return false;
    return me_.task->kind == TaskKind::promote || me_.task->kind == TaskKind::start_primary ||
           me_.task->kind == TaskKind::initialise;
}

void Moves::fence() {
    if (me_.local.kind == LocalKind::dying) return kill("nothing of it may be left");
    if (me_.task && now_ >= me_.task->deadline) {
        if (me_.task->kind == TaskKind::promote) ++me_.promotions_failed;
        return kill("it does not come to an end");
    }
    // What outlived an earlier daemon is the guard's until the record has been seen.
    if (me_.seen && may_be_primary() && !me_.holds(now_)) kill("it is primary, and the lease is not ours");
}

void Moves::advance() {
    give_up_write();
    fence();
    measure_once_cut_off();
    keep_lease();
    ask_for_time();
    stand();
    if (me_.task || now_ < me_.task_at) return;
    if (me_.holds(now_))
        lead();
    else if (!me_.is_holder())
        follow();
}

Instant next_deadline(const Member& member, Instant now) {
    Instant next = instant_never;
    const auto at = [&](Instant when) {
        if (when > now) next = std::min(next, when);
    };
    const Policy& policy = member.policy;
    if (member.is_holder()) {
        at(member.lease_until);
        at(member.renew_at);
        at(member.round_at);
        at(member.promoted_at + policy.sync_patience);
    } else if (member.seen && !member.seen->record) {
        at(member.seen->first + takeover_wait(policy, {}));
        at(member.stand_at);
    } else if (member.seen) {
        at(member.seen->first + policy.lease);
        at(member.seen->first + takeover_wait(policy, member.seen->record->lease));
        at(member.read_at);
        at(member.seen->first + policy.handover_patience);
        at(member.promised_until);
        at(member.stand_at);
    }
    if (member.write) at(member.write->deadline);
    if (member.election) at(member.election->deadline);
    for (const Vote& vote : member.votes) at(vote.deadline);
    if (member.task && member.task->kind == TaskKind::kill) at(member.task->begun + kill_again);
    at(member.task_at);
    at(member.write_at);
    if (member.task) at(member.task->deadline);
    return next;
}

}  // namespace dpsup::core::postgres
