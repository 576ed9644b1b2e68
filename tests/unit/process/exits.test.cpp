// How instances end, with cgroups and without.
#include <sys/wait.h>

#include <csignal>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

std::string name_of(const testing::TestParamInfo<Tracking>& tracking) {
    return tracking.param == Tracking::cgroups ? "Cgroups" : "Descendants";
}

INSTANTIATE_TEST_SUITE_P(Both, TrackingTest, testing::Values(Tracking::cgroups, Tracking::descendants),
                         name_of);

TEST_P(TrackingTest, TellsTheExitCodeAndThenThatNothingIsLeft) {
    ASSERT_GT(launch_well(shell("s", "exit 7")), 0);
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->kind, core::ExitKind::exited);
    EXPECT_EQ(exited->code, 7);
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_P(TrackingTest, TellsTheSignalThatKilled) {
    const pid_t pid = launch_well(shell("s", "exec sleep 100"));
    ::kill(pid, SIGKILL);
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->kind, core::ExitKind::signaled);
    EXPECT_EQ(exited->code, SIGKILL);
    EXPECT_FALSE(exited->out_of_memory);
}

TEST_P(TrackingTest, TellsExitAndEmptyTogetherForASingleProcess) {
    const pid_t pid = launch_well(program("s", {"/bin/sleep", "100"}));
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(run_until([&] { return !events_.empty(); }));
    run_for(1ms);
    ASSERT_EQ(events_.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<core::Exited>(events_[0].fact));
    EXPECT_TRUE(std::holds_alternative<core::Emptied>(events_[1].fact));
}

TEST_P(TrackingTest, KillsWhatIgnoresTheStopSignal) {
    const pid_t pid =
        launch_well(shell("s", "trap '' TERM; echo on > " + path("on") + "; while :; do sleep 1; done"));
    ASSERT_EQ(read_line_of("on"), "on\n");
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    run_for(100ms);
    EXPECT_TRUE(alive(pid));
    host_->kill_tree(ServiceId{1}, Generation{1});
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->code, SIGKILL);
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(pid));
}

TEST_P(TrackingTest, IsNotEmptyWhileChildrenOfADeadLeaderLive) {
    launch_well(shell("s", "sleep 100 & echo $! > " + path("child") + "; exit 0"));
    const pid_t child = std::stoi(read_line_of("child"));
    ASSERT_TRUE(wait_for<core::Exited>());
    run_for(100ms);
    EXPECT_TRUE(events_.empty()) << "Emptied, though a child lives";
    EXPECT_TRUE(alive(child));
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, true);
    EXPECT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(child));
}

TEST_P(TrackingTest, KillsDoubleForksAndNewSessions) {
    launch_well(shell("s", "(setsid sh -c 'setsid sleep 100 & echo $! > " + path("deep") +
                               "; wait' &) ; (sleep 100 & echo $! > " + path("double") +
                               ") ; exec sleep 100"));
    const pid_t deep = std::stoi(read_line_of("deep"));
    const pid_t twice = std::stoi(read_line_of("double"));
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(deep));
    EXPECT_FALSE(alive(twice));
}

TEST_P(TrackingTest, FindsAnOrphanInASessionOfItsOwnAfterTheLeaderDied) {
    const pid_t leader =
        launch_well(shell("s", "setsid sh -c 'echo $$ > " + path("orphan") + "; exec sleep 100' & wait"));
    const pid_t orphan = std::stoi(read_line_of("orphan"));
    ::kill(leader, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    run_for(50ms);
    EXPECT_TRUE(events_.empty()) << "Emptied, though an orphan lives";
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(orphan));
}

TEST_P(TrackingTest, KnowsAnOrphanWithoutEnvironmentByItsOutput) {
    const pid_t leader = launch_well(
        shell("s", "env -i setsid sh -c 'echo $$ > " + path("orphan") + "; exec sleep 100' & wait"));
    const pid_t orphan = std::stoi(read_line_of("orphan"));
    ::kill(leader, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_FALSE(alive(orphan));
}

TEST_P(TrackingTest, LeavesOtherServicesAlone) {
    const pid_t other = launch_well(shell("other", "setsid sleep 100 & exec sleep 100"), 1, 2);
    launch_well(shell("s", "exec sleep 100"));
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    run_for(50ms);
    EXPECT_TRUE(alive(other));
    EXPECT_TRUE(events_.empty());
}

TEST_P(TrackingTest, AnOrphanThatHoldsTheOutputHoldsNobodyUp) {
    launch_well(shell("s", "(setsid sleep 100 &) ; echo gone"));
    ASSERT_TRUE(wait_for<core::Exited>());
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(log_of("s"), "gone\n");
}

TEST_P(TrackingTest, RefusesASecondInstanceWhileSomethingOfTheFirstLives) {
    launch_well(shell("s", "sleep 100 & exit 0"));
    ASSERT_TRUE(wait_for<core::Exited>());
    const auto answer = launch(shell("s", "exit 0"), 2);
    const auto* failed = std::get_if<core::LaunchFailed>(&answer.fact);
    ASSERT_NE(failed, nullptr);
    EXPECT_EQ(failed->error_number, EBUSY);
}

TEST_P(TrackingTest, AnswersAKillWhereNothingRuns) {
    host_->kill_tree(ServiceId{1}, Generation{5});
    EXPECT_TRUE(events_.empty()) << "an event from within a call";
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(last_->generation, Generation{5});
}

TEST_P(TrackingTest, CancelsALaunchThatStillWaits) {
    const auto config = std::make_shared<const config::Service>(shell("s", "echo ran > " + path("ran")));
    host_->launch(ServiceId{1}, Generation{1}, config);
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    ASSERT_TRUE(wait_for<core::Emptied>());
    host_->launch(ServiceId{1}, Generation{2}, config);
    host_->kill_tree(ServiceId{1}, Generation{2});
    ASSERT_TRUE(wait_for<core::Emptied>());
    run_for(50ms);
    EXPECT_TRUE(events_.empty());
    EXPECT_EQ(read_file(path("ran")), "");
}

TEST_P(TrackingTest, PassesASignalForAnEarlierInstanceOver) {
    const pid_t pid = launch_well(shell("s", "exec sleep 100"), 2);
    host_->send_signal(ServiceId{1}, Generation{1}, SIGKILL, false);
    run_for(50ms);
    EXPECT_TRUE(alive(pid));
}

TEST_P(TrackingTest, LaunchesInOrderAndLetsTheLoopBreathe) {
    const auto config = std::make_shared<const config::Service>(program("s", {"/bin/true"}));
    constexpr std::uint32_t count = 60;
    std::vector<std::shared_ptr<const config::Service>> configs;
    for (std::uint32_t i = 0; i < count; ++i)
        configs.push_back(
            std::make_shared<const config::Service>(program("s" + std::to_string(i), {"/bin/true"})));
    for (std::uint32_t i = 0; i < count; ++i) host_->launch(ServiceId{100 + i}, Generation{1}, configs[i]);
    context_->run_one();
    EXPECT_LT(events_.size(), 10U) << "all of them in one turn";
    std::vector<std::uint32_t> launched;
    std::size_t emptied = 0;
    ASSERT_TRUE(run_until([&] {
        for (const auto& event : events_) {
            if (std::holds_alternative<core::Launched>(event.fact)) launched.push_back(event.service.value);
            if (std::holds_alternative<core::Emptied>(event.fact)) ++emptied;
        }
        events_.clear();
        return emptied == count;
    }));
    ASSERT_EQ(launched.size(), count);
    EXPECT_TRUE(std::is_sorted(launched.begin(), launched.end()));
    for (std::uint32_t i = 0; i < count; ++i) host_->forget(ServiceId{100 + i});
}

}  // namespace
}  // namespace dpsup::io
