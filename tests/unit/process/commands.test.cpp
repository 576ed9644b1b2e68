// Commands beside a service: exec probes and reload commands.
#include <unistd.h>

#include <csignal>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
using End = CommandResult::End;

std::string name_of(const testing::TestParamInfo<Tracking>& tracking) {
    return tracking.param == Tracking::cgroups ? "Cgroups" : "Descendants";
}

class Commands : public TrackingTest {
protected:
    static config::Service sleeping() { return program("s", {"/bin/sleep", "100"}); }
    bool came(std::size_t index) const { return events_.size() > index; }
};

INSTANTIATE_TEST_SUITE_P(Both, Commands, testing::Values(Tracking::cgroups, Tracking::descendants), name_of);

TEST_P(Commands, TellHowTheyEndedAndWhatTheySaid) {
    launch_well(sleeping());
    auto result = run_command({"/bin/sh", "-c", "echo no route; echo to host >&2; exit 3"});
    EXPECT_EQ(result.end, End::exited);
    EXPECT_EQ(result.code, 3);
    EXPECT_EQ(result.detail, "no route to host");
    result = run_command({"sh", "-c", "kill -9 $$"});
    EXPECT_EQ(result.end, End::signaled);
    EXPECT_EQ(result.code, SIGKILL);
    EXPECT_EQ(run_command({"true"}).code, 0);
}

TEST_P(Commands, RunAsTheService) {
    auto service = sleeping();
    service.process.environment = {{"COLOUR", "green"}};
    service.process.working_dir = "/usr";
    if (::geteuid() == 0) service.process.user = "nobody";
    const pid_t pid = launch_well(service);
    const auto result = run_command({"sh", "-c", "echo $(id -un) $COLOUR $PWD $MAINPID"});
    EXPECT_EQ(result.detail, (::geteuid() == 0 ? std::string("nobody") : std::string(::getlogin())) +
                                 " green /usr " + std::to_string(pid));
}

TEST_P(Commands, AreKilledWithAllTheirLeftoversWhenTimeIsUp) {
    launch_well(sleeping());
    const auto result = run_command(
        {"sh", "-c", "echo waiting; setsid sleep 100 & echo $! > " + path("left") + "; sleep 100"}, 300ms);
    EXPECT_EQ(result.end, End::timed_out);
    EXPECT_EQ(result.detail, "waiting");
    const pid_t left = std::stoi(read_line_of("left"));
    EXPECT_TRUE(run_until([&] { return !alive(left); }));
}

TEST_P(Commands, LeaveNothingBehindWhenTheyEnd) {
    launch_well(sleeping());
    const auto result = run_command({"sh", "-c", "setsid sleep 100 & echo $! > " + path("left")});
    EXPECT_EQ(result.end, End::exited);
    const pid_t left = std::stoi(read_line_of("left"));
    EXPECT_TRUE(run_until([&] { return !alive(left); }));
}

TEST_P(Commands, DoNotKeepAServiceFromBeingEmpty) {
    const pid_t pid = launch_well(sleeping());
    std::optional<CommandResult> result;
    host_->run_in_service(ServiceId{1}, {"sleep", "100"}, 60s,
                          [&](CommandResult answer) { result = answer; });
    run_for(100ms);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    ASSERT_TRUE(wait_for<core::Emptied>());
    ASSERT_TRUE(run_until([&] { return result.has_value(); }));
    EXPECT_EQ(result->end, End::signaled);
}

TEST_P(Commands, NeedARunningService) {
    EXPECT_EQ(run_command({"true"}).end, End::refused);
    launch_well(program("s", {"/bin/true"}));
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(run_command({"true"}).end, End::refused);
}

TEST_P(Commands, SayWhyTheyDidNotStart) {
    launch_well(sleeping());
    const auto result = run_command({"/no/such/probe"});
    EXPECT_EQ(result.end, End::refused);
    EXPECT_NE(result.detail.find("exec: /no/such/probe (No such file"), std::string::npos) << result.detail;
}

TEST_P(Commands, AreReadToTheEndHoweverMuchTheyWrite) {
    launch_well(sleeping());
    const auto result = run_command({"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"});
    EXPECT_EQ(result.end, End::exited);
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.detail.size(), 512U);
}

TEST_P(Commands, RunAFewAtATimeAndAllInTheEnd) {
    launch_well(sleeping());
    constexpr int count = 100;
    int passed = 0;
    for (int i = 0; i < count; ++i)
        host_->run_in_service(ServiceId{1}, {"true"}, 30s, [&](const CommandResult& result) {
            if (result.end == End::exited && result.code == 0) ++passed;
        });
    EXPECT_TRUE(run_until([&] { return passed == count; }, 30s)) << passed;
}

TEST_P(Commands, ThatWaitTooLongForTheirTurnAreRefused) {
    launch_well(sleeping());
    std::size_t ended = 0;
    int refused = 0;
    std::vector<CommandNumber> numbers;
    for (std::size_t i = 0; i < options_.commands_max; ++i)
        numbers.push_back(host_->run_in_service(ServiceId{1}, {"sleep", "100"}, 60s,
                                                [&](const CommandResult&) { ++ended; }));
    for (int i = 0; i < 5; ++i)
        host_->run_in_service(ServiceId{1}, {"sleep", "100"}, 200ms, [&](const CommandResult& result) {
            refused += result.end == End::refused ? 1 : 0;
        });
    EXPECT_TRUE(run_until([&] { return refused == 5; }));
    EXPECT_EQ(ended, 0U);
    for (const CommandNumber number : numbers) host_->kill_command(number);
    EXPECT_TRUE(run_until([&] { return ended == numbers.size(); }));
}

TEST_P(Commands, TellThatTheyRunAndThatTheyAreGone) {
    launch_well(sleeping());
    std::string told;
    host_->run_in_service(ServiceId{1}, {"true"}, 10s, [&](const CommandResult&) { told += "answered "; },
                          {.launched = [&] { told += "launched "; }, .gone = [&] { told += "gone "; }});
    EXPECT_EQ(told, "");
    ASSERT_TRUE(run_until([&] { return told.ends_with("gone "); }));
    EXPECT_EQ(told, "launched answered gone ");
    told.clear();
    host_->run_in_service(ServiceId{1}, {"/no/such/probe"}, 10s,
                          [&](const CommandResult&) { told += "answered "; },
                          {.launched = [&] { told += "launched "; }, .gone = [&] { told += "gone "; }});
    ASSERT_TRUE(run_until([&] { return told.ends_with("gone "); }));
    EXPECT_EQ(told, "answered gone ");
}

TEST_P(Commands, AreKilledWhenTheyAreNotWantedAnyMore) {
    launch_well(sleeping());
    std::optional<CommandResult> result;
    const CommandNumber number =
        host_->run_in_service(ServiceId{1}, {"sh", "-c", "echo $$ > " + path("pid") + "; exec sleep 100"},
                              60s, [&](CommandResult answer) { result = std::move(answer); });
    const pid_t pid = std::stoi(read_line_of("pid"));
    host_->kill_command(number);
    ASSERT_TRUE(run_until([&] { return result.has_value(); }));
    EXPECT_EQ(result->end, End::signaled);
    EXPECT_FALSE(alive(pid));
}

TEST_P(Commands, LoseTheirTurnWhenTheyAreNotWantedAnyMore) {
    launch_well(sleeping());
    std::optional<CommandResult> result;
    const CommandNumber number =
        host_->run_in_service(ServiceId{1}, {"sh", "-c", "echo ran > " + path("ran")}, 60s,
                              [&](CommandResult answer) { result = std::move(answer); });
    host_->kill_command(number);
    ASSERT_TRUE(run_until([&] { return result.has_value(); }));
    EXPECT_EQ(result->end, End::refused);
    EXPECT_EQ(read_file(path("ran")), "");
}

TEST_P(Commands, ReloadBySignal) {
    auto service =
        shell("s", "trap 'echo reloaded' HUP; echo on > " + path("on") + "; while :; do sleep 0.1; done");
    service.process.reload = config::ReloadSignal{SIGHUP};
    launch_well(service);
    ASSERT_EQ(read_line_of("on"), "on\n");
    host_->reload(ServiceId{1}, Generation{1}, std::make_shared<const config::Service>(service));
    const auto reloaded = wait_for<core::Reloaded>();
    ASSERT_TRUE(reloaded);
    EXPECT_TRUE(reloaded->success);
    EXPECT_TRUE(run_until([&] { return log_of("s") == "reloaded\n"; }));
}

TEST_P(Commands, ReloadByCommand) {
    auto service = sleeping();
    service.process.reload = config::ReloadCommand{{"sh", "-c", "echo bad line 7; exit 1"}};
    const auto config = std::make_shared<const config::Service>(service);
    launch_well(service);
    host_->reload(ServiceId{1}, Generation{1}, config);
    const auto reloaded = wait_for<core::Reloaded>();
    ASSERT_TRUE(reloaded);
    EXPECT_FALSE(reloaded->success);
    EXPECT_EQ(reloaded->detail, "the reload command exited with 1: bad line 7");
    host_->reload(ServiceId{1}, Generation{9}, config);
    const auto late = wait_for<core::Reloaded>();
    ASSERT_TRUE(late);
    EXPECT_FALSE(late->success);
}

}  // namespace
}  // namespace dpsup::io
