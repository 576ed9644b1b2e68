// One member's decisions, one at a time. What follows from many of them is tests/sim's.
#include "core/postgres/member.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace dpsup::core::postgres {
namespace {

using namespace std::chrono_literals;

class MemberTest : public testing::Test {
protected:
    MemberTest() {
        Policy policy;
        policy.name = "me";
        policy.sync = {.mode = Mode::sync, .required = 1, .strict = false};
        policy.lease = 8s;
        me_ = make_member(policy, {}, now_);
    }

    void tell(const Event& event) { last_ = step(me_, event, now_); }
    void pass(Duration time) {
        now_ += time;
        tell(DeadlineReached{});
    }
    void see(const Record& record) { tell(StoreSeen{record, ++revision_}); }
    void see_local(LocalKind kind, Position position = {{1}, {100}}) {
        Local local;
        local.kind = kind;
        local.position = position;
        local.rule = closed_rule();
        if (kind == LocalKind::standby) {
            local.upstream = "other";
            local.receiving = true;
        }
        tell(LocalSeen{local, 0});
    }
    // A standby of `other`, which has just renewed its lease.
    void be_standby() {
        record_.term = 1;
        record_.holder = "other";
        record_.timeline = {1};
        record_.members = {"me", "other", "third"};
        record_.promise = {{"me"}, 1};
        see_local(LocalKind::standby);
        see(record_);
        ++record_.stamp;
        see(record_);
    }
    // Holder, with PostgreSQL as primary.
    void be_primary() {
        be_standby();
        record_.holder = "me";
        ++record_.term;
        see(record_);
        tell_written(true);
        see_local(LocalKind::primary);
    }
    // Answers the write that is under way.
    void tell_written(bool written) {
        const auto write = asked<Write>();
        if (!write) return;
        if (written) record_ = write->record;
        tell(Written{write->number, written ? Written::Outcome::written : Written::Outcome::unknown,
                     written ? ++revision_ : 0});
    }

    template <class Wanted>
    [[nodiscard]] std::optional<Wanted> asked() const {
        for (const Effect& effect : last_.effects)
            if (const auto* wanted = std::get_if<Wanted>(&effect)) return *wanted;
        return std::nullopt;
    }
    [[nodiscard]] std::optional<TaskKind> task() const {
        const auto wanted = asked<Task>();
        return wanted ? std::optional(wanted->kind) : std::nullopt;
    }

    Instant now_ = Instant(1000s);
    Member me_;
    Output last_;
    Record record_;
    Revision revision_ = 10;
};

TEST_F(MemberTest, CountsItsLeaseFromWhenTheWriteWasSent) {
    be_standby();
    record_.holder = "me";
    see(record_);
    const auto write = asked<Write>();
    ASSERT_TRUE(write);
    const Instant sent = now_;
    now_ += 900ms;
    tell(Written{write->number, Written::Outcome::written, ++revision_});
    const auto guard = asked<ExtendGuard>();
    ASSERT_TRUE(guard);
    EXPECT_EQ(guard->until, sent + 8s);
}

// The first may have been written after all, and was sent long before the second.
TEST_F(MemberTest, TellsAWriteFromItsRepetition) {
    be_standby();
    record_.holder = "me";
    see(record_);
    const auto first = asked<Write>();
    ASSERT_TRUE(first);
    const Instant sent = now_;
    pass(4s);
    const auto second = asked<Write>();
    ASSERT_TRUE(second);
    EXPECT_NE(first->record.stamp, second->record.stamp);
    see(first->record);
    ASSERT_TRUE(asked<ExtendGuard>());
    EXPECT_EQ(asked<ExtendGuard>()->until, sent + 8s);
}

// Else who has as much as it would lack what it confirms until it leads.
TEST_F(MemberTest, MeasuresItsOwnPositionOnlyOnceItReceivesNothingAnyMore) {
    be_standby();
    Local local = me_.local;
    pass(takeover_wait(me_.policy));
    EXPECT_FALSE(asked<Measure>());
    pass(0s);
    ASSERT_EQ(me_.task ? std::optional(me_.task->kind) : std::nullopt, TaskKind::configure);
    local.upstream.clear();
    local.receiving = false;
    tell(TaskEnded{me_.task->number, true, "", local});
    EXPECT_TRUE(asked<Measure>());
}

TEST_F(MemberTest, TakesNoWriteOfUnknownOutcomeForARenewal) {
    be_standby();
    record_.holder = "me";
    see(record_);
    tell_written(false);
    EXPECT_FALSE(asked<ExtendGuard>());
}

TEST_F(MemberTest, KillsAPrimaryWhoseLeaseIsOver) {
    be_primary();
    EXPECT_FALSE(task());
    pass(8s);
    EXPECT_EQ(task(), TaskKind::kill);
}

TEST_F(MemberTest, KillsAPrimaryThatSomebodyElsePromoted) {
    be_standby();
    see_local(LocalKind::primary, {{2}, {101}});
    EXPECT_EQ(task(), TaskKind::kill);
}

TEST_F(MemberTest, LeavesAPrimaryOfAnEarlierDaemonToTheGuardUntilItHasSeenTheRecord) {
    see_local(LocalKind::primary);
    EXPECT_FALSE(task());
}

TEST_F(MemberTest, StandsOnlyWhenTheRecordHasNotChangedForLongerThanTheLease) {
    be_standby();
    pass(8s);
    EXPECT_FALSE(asked<Ask>());
    pass(takeover_wait(me_.policy) - 8s);
    EXPECT_TRUE(asked<Ask>());
}

TEST_F(MemberTest, StandsAtOnceWhereTheLeaseWasReleased) {
    be_standby();
    record_.released = true;
    see(record_);
    const auto measure = asked<Measure>();
    ASSERT_TRUE(measure);
    Local local = me_.local;
    tell(LocalSeen{local, measure->number});
    const auto write = asked<Write>();
    ASSERT_TRUE(write) << "it alone vouches for all commits";
    EXPECT_EQ(write->expected, revision_);
    EXPECT_EQ(write->record.holder, "me");
    EXPECT_EQ(write->record.term, 2U);
}

// Whoever was shut down in order vouches for all, should the new holder not get as far as to lead.
TEST_F(MemberTest, TakesOverFromWhoWasShutDownInOrderWithoutAsking) {
    be_standby();
    record_.released = true;
    record_.promise = {};
    record_.ended = "other";
    record_.end = {{1}, {100}};
    see(record_);
    const auto measure = asked<Measure>();
    ASSERT_TRUE(measure);
    tell(LocalSeen{me_.local, measure->number});
    const auto write = asked<Write>();
    ASSERT_TRUE(write);
    EXPECT_EQ(write->record.promise, (SyncRule{{"other"}, 1}));
}

TEST_F(MemberTest, WhoLacksItsEndDoesNot) {
    be_standby();
    record_.released = true;
    record_.promise = {};
    record_.ended = "other";
    record_.end = {{1}, {101}};
    see(record_);
    ASSERT_TRUE(asked<Measure>());
    tell(LocalSeen{me_.local, asked<Measure>()->number});
    EXPECT_FALSE(asked<Write>());
}

TEST_F(MemberTest, DoesNotStandWhereNobodyVouches) {
    be_standby();
    record_.promise = {};
    see(record_);
    pass(1h);
    EXPECT_FALSE(asked<Measure>());
}

TEST_F(MemberTest, LeavesTheLeaseToWhoHasMore) {
    be_standby();
    record_.released = true;
    record_.promise = {{"me", "third"}, 1};
    see(record_);
    const auto measure = asked<Measure>();
    const auto question = asked<Ask>();
    ASSERT_TRUE(measure && question);
    tell(LocalSeen{me_.local, measure->number});
    EXPECT_FALSE(asked<Write>()) << "both have to answer";
    Answer answer;
    answer.granted = true;
    answer.position = {{1}, {101}};
    tell(Answered{"third", question->number, answer});
    EXPECT_FALSE(asked<Write>());
}

TEST_F(MemberTest, VotesOnlyOnceItReceivesNothingAnyMore) {
    be_standby();
    Local local = me_.local;
    pass(8s);
    tell(Asked{"third", 7, VoteQuestion{revision_}});
    ASSERT_EQ(task(), TaskKind::configure);
    EXPECT_EQ(asked<Task>()->source, "");
    EXPECT_FALSE(asked<Reply>());
    local.upstream.clear();
    local.receiving = false;
    tell(TaskEnded{asked<Task>()->number, true, "", local});
    const auto measure = asked<Measure>();
    ASSERT_TRUE(measure);
    tell(LocalSeen{local, measure->number});
    const auto reply = asked<Reply>();
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->answer.granted);
    EXPECT_EQ(reply->answer.position, local.position);
}

TEST_F(MemberTest, DoesNotVoteAgainstAHolderThatLives) {
    be_standby();
    tell(Asked{"third", 7, VoteQuestion{revision_}});
    const auto reply = asked<Reply>();
    ASSERT_TRUE(reply);
    EXPECT_FALSE(reply->answer.granted);
    EXPECT_TRUE(reply->answer.veto);
}

// It may have voted on just this revision, in a life that it does not remember.
TEST_F(MemberTest, FollowsNobodyOnTheFirstSightOfARecord) {
    record_.term = 1;
    record_.holder = "other";
    record_.timeline = {1};
    see_local(LocalKind::down);
    see(record_);
    ASSERT_EQ(task(), TaskKind::start_standby);
    EXPECT_EQ(asked<Task>()->source, "");
}

TEST_F(MemberTest, WhoHasGivenTimeTakesPartInNoElection) {
    be_standby();
    tell(Asked{"other", 7, TimeQuestion{1, revision_, 8s}});
    ASSERT_TRUE(asked<Reply>());
    EXPECT_TRUE(asked<Reply>()->answer.granted);
    const Duration promised = me_.promised_until - now_;
    EXPECT_GE(promised, takeover_wait(me_.policy));
    now_ += promised - 1ns;
    tell(Asked{"third", 8, VoteQuestion{revision_}});
    EXPECT_FALSE(asked<Reply>()->answer.granted);
    EXPECT_FALSE(asked<Measure>());
}

TEST_F(MemberTest, WhoHasVotedGivesNoTime) {
    be_standby();
    pass(8s);
    tell(Asked{"third", 7, VoteQuestion{revision_}});
    tell(Asked{"other", 8, TimeQuestion{1, revision_, 8s}});
    ASSERT_TRUE(asked<Reply>());
    EXPECT_FALSE(asked<Reply>()->answer.granted);
}

TEST_F(MemberTest, FoundsNoSecondCluster) {
    see_local(LocalKind::no_data);
    see(record_);
    tell(StoreSeen{std::nullopt, 0});
    pass(1h);
    EXPECT_FALSE(asked<Write>());
}

TEST_F(MemberTest, WindsBackWhatWasPrimaryBeforeItFollows) {
    be_standby();
    Local local;
    local.kind = LocalKind::down;
    local.position = {{1}, {100}};
    local.was_primary = true;
    tell(LocalSeen{local, 0});
    EXPECT_EQ(task(), TaskKind::rewind);
}

}  // namespace
}  // namespace dpsup::core::postgres
