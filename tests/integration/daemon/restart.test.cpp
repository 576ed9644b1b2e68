// Failing services: what the policies do, what is shown, and that the host survives it.
#include <gmock/gmock.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

TEST(Restart, FollowsACrashAndTellsItsCause) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\nrestart = { delay = \"10ms\" }\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ::kill(static_cast<pid_t>(daemon.status("x")["pid"].number()), SIGABRT);
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() == 1; }));
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_THAT(daemon.story("x"), HasSubstr("SIGABRT"));
    EXPECT_THAT(daemon.ctl({"explain", "x"}).out, HasSubstr("SIGABRT"));
}

TEST(Restart, SlowsDownVisibly) {
    Daemon daemon(R"([service.x]
command = ["/bin/false"]
restart = { delay = "20ms", factor = 4, max_delay = "2h", jitter = 0 }
)");
    ASSERT_TRUE(daemon.until("a fifth retry", [](const Daemon::States& states) {
        return states.at("x").reason.find("retry 5 in 5.1s") != std::string::npos;
    }));
    const std::string story = daemon.story("x");
    EXPECT_THAT(story, HasSubstr("exited with code 1"));
    EXPECT_THAT(story, HasSubstr("retry 4 in 1.3s"));
    EXPECT_EQ(daemon.status("x")["state"].text(), "backoff");
    EXPECT_EQ(daemon.status("x")["wanted"].text(), "up");
}

TEST(Restart, EndsOnlyWhereGiveUpIsSet) {
    Daemon daemon(R"([service.x]
command = ["/bin/false"]
restart = { delay = "5ms", max_delay = "5ms", give_up = true, attempts = 3 }
)");
    ASSERT_TRUE(daemon.reaches("x", "failed"));
    EXPECT_THAT(daemon.status("x")["reason"].text(), HasSubstr("gave up after 3 retries"));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 3);
}

TEST(Restart, FollowsThePolicy) {
    Daemon daemon(R"([service.always]
command = "@ACTOR@ record @DIR@/record always exit 0"
restart = { policy = "always", delay = "10ms", max_delay = "10ms" }
[service.on-failure-ok]
command = "@ACTOR@ exit 0"
restart = "on-failure"
[service.on-failure-bad]
command = "@ACTOR@ record @DIR@/record bad exit 1"
restart = { policy = "on-failure", delay = "10ms", max_delay = "10ms" }
[service.no]
command = "@ACTOR@ exit 1"
restart = "no"
)");
    EXPECT_TRUE(daemon.reaches("on-failure-ok", "done"));
    EXPECT_TRUE(daemon.reaches("no", "failed"));
    for (const char* name : {"always", "bad"})
        EXPECT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", name) >= 3; }))
            << name;
}

TEST(Restart, ResetsTheBackoffAfterAStableRun) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ wait-for @DIR@/go exit 1"
restart = { delay = "10ms", factor = 50, max_delay = "1h", jitter = 0, stable_after = "1ms" }
)");
    // With a factor of 50 the fourth retry would already wait 20 minutes.
    for (int round = 1; round <= 5; ++round) {
        ASSERT_TRUE(daemon.reaches("x", "ready"));
        write_file(daemon.path("go"), "");
        ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() >= round; }));
        std::remove(daemon.path("go").c_str());
    }
}

TEST(StartTimeout, CountsAsFailure) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@"
notify = true
start_timeout = "100ms"
restart = { delay = "1h", max_delay = "1h" }
)");
    ASSERT_TRUE(daemon.reaches("x", "backoff"));
    EXPECT_THAT(daemon.status("x")["reason"].text(), HasSubstr("start_timeout"));
}

// 100 services that die at once and for ever: the budget bounds the restarts of the host, and the daemon
// answers.
TEST(CrashLoop, OfAHundredServicesKeepsToTheBudget) {
    constexpr int services = 100;
    constexpr double burst = 50;
    constexpr double per_second = 20;
    std::string text = "[service.good]\ncommand = \"@ACTOR@\"\n";
    for (int i = 0; i < services; ++i)
        text += "[service.crash-" + std::to_string(i) +
                "]\ncommand = \"/bin/false\"\nrestart = { delay = \"1ms\", max_delay = \"1ms\" }\n";
    const auto before = Clock::now();
    Daemon daemon(text, {.daemon_keys = "restart_budget = { burst = 50, per_second = 20 }"});

    const auto restarts = [&] {
        std::int64_t sum = 0;
        for (const Json& service : daemon.http("GET", "/v1/status").json()["services"].items())
            sum += service["restarts"].number();
        return sum;
    };
    // Each service's first failure is free; the rest shares the budget.
    constexpr auto free = static_cast<std::int64_t>(services);
    ASSERT_TRUE(eventually([&] { return restarts() >= free + static_cast<std::int64_t>(burst) + 40; }));
    Clock::duration slowest{};
    for (int i = 0; i < 20; ++i) {
        const auto asked = Clock::now();
        ASSERT_EQ(daemon.ctl({"status"}).code(), 0);
        slowest = std::max(slowest, Clock::now() - asked);
    }
    EXPECT_LT(slowest, std::chrono::seconds(2));
    const std::int64_t seen = restarts();
    const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
    EXPECT_LE(static_cast<double>(seen), services + burst + per_second * seconds + 1);
    EXPECT_EQ(daemon.status("good")["restarts"].number(), 0);
}

// libfaketime shows the daemon a wall clock that we set back while it runs. What the kernel itself does at a
// set-back (timers on the wall clock) cannot be shown so; but a daemon whose waits or verdicts stood on the
// wall clock that it reads would hang for an hour here.
class SetBackClock : public ::testing::Test {
protected:
    static std::string library() {
        for (const char* path : {"/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
                                 "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"})
            if (!read_file(path).empty()) return path;
        return {};
    }
    static Options options() {
        return {.environment = {{"LD_PRELOAD", library()},
                                {"FAKETIME_TIMESTAMP_FILE", "@DIR@/offset"},
                                {"FAKETIME_NO_CACHE", "1"},
                                {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}}};
    }
};

TEST_F(SetBackClock, ByAnHourDelaysNoRestartAndNoProbe) {
    if (library().empty()) GTEST_SKIP() << "libfaketime is not installed";
    if (sanitized) GTEST_SKIP() << "libfaketime cannot be loaded before the sanitizer's own library";
    Daemon daemon(R"([service.crash]
command = "@ACTOR@ wait-for @DIR@/go exit 1"
restart = { delay = "200ms", max_delay = "200ms" }
[service.probed]
command = "@ACTOR@ serve unix:@DIR@/probed.sock @@DIR@/mode"
healthcheck = { unix = "@DIR@/probed.sock", send = "x", expect = "200 OK", interval = "100ms", retries = 2, on_failure = "alert" }
)",
                  options(), Daemon::Prepared{});
    write_file(daemon.path("offset"), "+0\n");
    write_file(daemon.path("mode"), "ok\n");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const std::string since = daemon.status("crash")["since"].text();

    write_file(daemon.path("go"), "");  // a retry is under way while the clock moves
    write_file(daemon.path("offset"), "-3600\n");
    ASSERT_TRUE(eventually([&] { return daemon.status("crash")["restarts"].number() >= 3; }));
    write_file(daemon.path("mode"), "fail\n");
    ASSERT_TRUE(daemon.reaches("probed", "unhealthy"));
    write_file(daemon.path("mode"), "ok\n");
    ASSERT_TRUE(daemon.reaches("probed", "ready"));
    EXPECT_LT(daemon.status("crash")["since"].text(), since)
        << "the clock was not set back: the test shows nothing";
}

}  // namespace
}  // namespace dpsup::test
