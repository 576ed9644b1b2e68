// What a member does with the lease and its PostgreSQL. What follows from many steps is tests/sim's.
#include "unit/core/postgres/member_fixture.hpp"

namespace dpsup::core::postgres {
namespace {

TEST_F(MemberTest, CountsItsLeaseFromWhenTheWriteWasSent) {
    be_standby();
    record_.holder = "me";
    see(record_);
    const auto write = asked<Write>();
    ASSERT_TRUE(write);
    const Instant sent = now_;
    now_ += 900ms;
    tell(Written{write->number, Written::Outcome::written, ++revision_});
    const auto guard = asked<SetGuard>();
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
    ASSERT_TRUE(asked<SetGuard>());
    EXPECT_EQ(asked<SetGuard>()->until, sent + 8s);
}

TEST_F(MemberTest, TakesNoWriteOfUnknownOutcomeForARenewal) {
    be_standby();
    record_.holder = "me";
    see(record_);
    tell_written(false);
    EXPECT_FALSE(asked<SetGuard>());
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

TEST_F(MemberTest, FoundsNoSecondCluster) {
    see_local(LocalKind::no_data);
    see(record_);
    tell(StoreSeen{std::nullopt, 0});
    pass(1h);
    EXPECT_FALSE(asked<Write>());
}

TEST_F(MemberTest, WindsBackWhatWasPrimaryBeforeItFollows) {
    be_standby();
    record_.timeline = {2};
    record_.forks = {{{2}, {90}}};
    see(record_);
    Local local;
    local.kind = LocalKind::down;
    local.position = {{1}, {100}};
    local.was_primary = true;
    me_.task.reset();
    me_.local = local;
    pass(0s);
    EXPECT_EQ(task(), TaskKind::rewind);
}

// pg_rewind tells timelines by their numbers.
TEST_F(MemberTest, CopiesWhatWasPrimaryOnATimelineOfTheSameNumber) {
    be_standby();
    Local local;
    local.kind = LocalKind::down;
    local.position = {{1}, {100}};
    local.was_primary = true;
    tell(LocalSeen{local, 0, me_.last_task});
    EXPECT_EQ(task(), TaskKind::clone);
}

TEST_F(MemberTest, FollowsNobodyWhoseTimelineTheRecordDoesNotName) {
    be_standby();
    record_.holder = "third";
    ++record_.term;
    record_.opening = true;
    see(record_);
    EXPECT_FALSE(task());
    record_.opening = false;
    see(record_);
    ASSERT_EQ(task(), TaskKind::configure);
    EXPECT_EQ(asked<Task>()->source, "third");
}

TEST_F(MemberTest, TouchesNothingOfAnotherCluster) {
    be_standby();
    record_.system = 7;
    see(record_);
    Local local;
    local.kind = LocalKind::down;
    local.system = 8;
    tell(LocalSeen{local, 0, me_.last_task});
    EXPECT_FALSE(task());
}

// A write of its earlier life may still come through, and mean another promise, or that the lease is released.
TEST_F(MemberTest, OpensNothingInANewLifeBeforeTheRecordHasMovedOn) {
    me_.lease_until = now_ + 8s;
    record_.term = 1;
    record_.holder = "me";
    record_.timeline = {1};
    record_.lease = 8s;
    Local local;
    local.kind = LocalKind::down;
    local.was_primary = true;
    local.position = {{1}, {100}};
    tell(LocalSeen{local, 0, 0});
    see(record_);
    EXPECT_FALSE(task());
    tell_written(true);
    EXPECT_EQ(task(), TaskKind::start_primary);
}

TEST_F(MemberTest, ChangesNothingOnceAWriteWasRefusedBeforeItHasSeenWhy) {
    be_primary();
    pass(4s);
    const auto write = asked<Write>();
    ASSERT_TRUE(write);
    tell(Written{write->number, Written::Outcome::refused, 0});
    Local local = me_.local;
    local.streaming = {{"third", {100}, false}};
    tell(LocalSeen{local, 0, me_.last_task});
    EXPECT_FALSE(task());
    EXPECT_FALSE(asked<Write>());
}

}  // namespace
}  // namespace dpsup::core::postgres
