// Who stands for election, who is elected, and what is answered to others.
#include "unit/core/postgres/member_fixture.hpp"

namespace dpsup::core::postgres {
namespace {

// Else who has as much as it would lack what it confirms until it leads.
TEST_F(MemberTest, MeasuresItsOwnPositionOnlyOnceItReceivesNothingAnyMore) {
    be_standby();
    Local local = me_.local;
    pass(takeover_wait(me_.policy, record_.lease));
    tell(StoreSeen{record_, revision_});
    EXPECT_FALSE(asked<Measure>());
    ASSERT_EQ(me_.task ? std::optional(me_.task->kind) : std::nullopt, TaskKind::configure);
    local.upstream.clear();
    local.receiving = false;
    tell(TaskEnded{me_.task->number, true, "", local});
    EXPECT_TRUE(asked<Measure>());
}

TEST_F(MemberTest, StandsOnlyWhenTheRecordHasNotChangedForLongerThanTheLease) {
    be_standby();
    pass(8s);
    EXPECT_FALSE(asked<Ask>());
    pass(takeover_wait(me_.policy, record_.lease) - 8s);
    EXPECT_TRUE(asked<Read>());
    EXPECT_FALSE(asked<Ask>()) << "the store may have gone on without it";
    tell(StoreSeen{record_, revision_});
    EXPECT_TRUE(asked<Ask>());
}

TEST_F(MemberTest, StandsAtOnceWhereTheLeaseWasReleased) {
    be_standby();
    record_.released = true;
    see(record_);
    const auto measure = asked<Measure>();
    ASSERT_TRUE(measure);
    Local local = me_.local;
    tell(LocalSeen{local, measure->number, me_.last_task});
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
    tell(LocalSeen{me_.local, measure->number, me_.last_task});
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
    tell(LocalSeen{me_.local, asked<Measure>()->number, me_.last_task});
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
    tell(LocalSeen{me_.local, measure->number, me_.last_task});
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
    tell(LocalSeen{local, measure->number, me_.last_task});
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

TEST_F(MemberTest, WhoHasGivenTimeTakesPartInNoElection) {
    be_standby();
    tell(Asked{"other", 7, TimeQuestion{1, revision_, 8s}});
    ASSERT_TRUE(asked<Reply>());
    EXPECT_TRUE(asked<Reply>()->answer.granted);
    const Duration promised = me_.promised_until - now_;
    EXPECT_GE(promised, takeover_wait(me_.policy, record_.lease));
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

TEST_F(MemberTest, WaitsAsLongAsTheHolderSaysItHoldsTheLease) {
    be_standby();
    record_.lease = 16s;
    see(record_);
    pass(takeover_wait(me_.policy, 8s));
    EXPECT_FALSE(asked<Read>());
    pass(takeover_wait(me_.policy, 16s) - takeover_wait(me_.policy, 8s));
    EXPECT_TRUE(asked<Read>());
}

}  // namespace
}  // namespace dpsup::core::postgres
