// How the daemon itself ends and rereads: SIGTERM, Ctrl-C once and twice, SIGHUP.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* stubborn = R"([service.x]
command = "@ACTOR@ lock @DIR@/lock ignore-term notify READY=1"
notify = true
stop_timeout = "1h"
)";

TEST(Sigterm, StopsEverythingAndRemovesTheSocket) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@ lock @DIR@/lock notify READY=1\"\nnotify = true\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
    EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0);
}

TEST(CtrlC, StopsEverythingLikeSigterm) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@ lock @DIR@/lock notify READY=1\"\nnotify = true\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.signal(SIGINT);
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

TEST(CtrlC, ASecondTimeKillsWhatIsLeft) {
    Daemon daemon(stubborn);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.signal(SIGINT);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    EXPECT_TRUE(is_locked(daemon.path("lock")));
    EXPECT_TRUE(daemon.http("GET", "/v1/status").json()["shutting_down"].truth());
    daemon.signal(SIGINT);
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value()) << "the second Ctrl-C must not wait for stop_timeout";
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

TEST(Shutdown, IsToldToWhoWaitsForAStart) {
    Daemon daemon(std::string(stubborn) + R"([service.slow]
command = "@ACTOR@"
notify = true
enabled = false
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    Child waiting({.command = daemon.ctl_command({"start", "slow", "--wait"}), .err = daemon.path("err")});
    ASSERT_TRUE(daemon.reaches("slow", "starting"));
    daemon.signal(SIGTERM);
    const auto end = waiting.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 3);
    EXPECT_THAT(daemon.text("err"), HasSubstr("dpsupd is shutting down, and starts nothing any more"));
}

TEST(CommandLine, OfDpsupdThatIsWrongSaysHowItIsCalled) {
    const Finished junk = run({.command = {DPSUP_DPSUPD, "junk"}});
    EXPECT_EQ(junk.code(), 2);
    EXPECT_EQ(junk.err,
              "dpsupd: \"junk\" means nothing to dpsupd\n  it is called as: dpsupd [--config FILE] "
              "[--check] [--check-takeover]\n");
    EXPECT_EQ(run({.command = {DPSUP_DPSUPD, "--config"}}).code(), 2);
    EXPECT_EQ(run({.command = {DPSUP_DPSUPD, "--help"}}).code(), 0);
}

TEST(Paths, ThatCannotBeAreToldWithTheirKey) {
    for (const std::string key : {"state_dir", "runtime_dir"}) {
        Daemon daemon("", {.daemon_keys = ""}, Daemon::Prepared{});
        write_file(daemon.path("wrong.toml"), "[daemon]\nsocket = \"" + daemon.path("s") +
                                                  "\"\nstate_dir = \"" + daemon.path("a") +
                                                  "\"\nruntime_dir = \"" + daemon.path("b") + "\"\n");
        std::string text = read_file(daemon.path("wrong.toml"));
        const std::string right = daemon.path(key == "state_dir" ? "a" : "b");
        text.replace(text.find(right), right.size(), "/etc/passwd");
        write_file(daemon.path("wrong.toml"), text);
        const Finished ended = run({.command = {DPSUP_DPSUPD, "--config", daemon.path("wrong.toml")}});
        EXPECT_EQ(ended.code(), 1);
        EXPECT_THAT(ended.err, HasSubstr("[daemon] " + key + " = \"/etc/passwd\": "));
        EXPECT_THAT(ended.err, HasSubstr("set " + key + " to a directory"));
    }
}

TEST(Shutdown, IsBoundedByItsTimeout) {
    Daemon daemon(stubborn, {.daemon_keys = "shutdown_timeout = \"300ms\""});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

// By force too: what nobody runs any more is nothing to go on with.
TEST(Shutdown, ByForceLeavesTheFilesToTheNextStart) {
    Daemon daemon(stubborn, {.daemon_keys = "shutdown_timeout = \"300ms\""});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.configure("[service.y]\ncommand = \"@ACTOR@\"\n");
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 1);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(daemon.reaches("y", "ready"));
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 1U);
}

// As in `kill PID; dpsupd &`: what it read before the other had gone is not what counts.
TEST(Shutdown, OfOneIsHeardByTheNextThatWaitsForIt) {
    Daemon daemon(stubborn);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.configure("[service.y]\ncommand = \"@ACTOR@\"\n");
    daemon.signal(SIGTERM);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    const std::string log = daemon.path("next.log");
    Child next({.command = {DPSUP_DPSUPD, "--config", daemon.config_file()},
                .environment = {{"RUNTIME_DIRECTORY", daemon.path("run")}},
                .out = log,
                .err = log});
    ASSERT_TRUE(eventually([&] { return read_file(log).find("goes on with") != std::string::npos; }))
        << read_file(log);
    daemon.signal(SIGTERM);
    ASSERT_TRUE(daemon.wait().has_value());
    ASSERT_TRUE(eventually([&] { return daemon.http("GET", "/v1/version").status == 200; }))
        << read_file(log);
    EXPECT_TRUE(daemon.reaches("y", "ready")) << read_file(log);
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 1U);
    next.signal(SIGTERM);
    EXPECT_TRUE(next.wait().has_value());
}

TEST(Shutdown, StartsNothingAnyMore) {
    Daemon daemon(std::string(stubborn) +
                  "[service.y]\ncommand = \"@ACTOR@ record @DIR@/record y\"\nenabled = false\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.signal(SIGTERM);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    const Finished started = daemon.ctl({"start", "y"});
    EXPECT_EQ(started.code(), 3);
    EXPECT_THAT(started.err, HasSubstr("shutting down"));
    EXPECT_EQ(daemon.text("record"), "");
    daemon.signal(SIGTERM);
    EXPECT_TRUE(daemon.wait().has_value());
}

TEST(Sighup, AppliesTheConfiguration) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto before = daemon.status("x")["pid"].number();
    daemon.configure("[service.x]\ncommand = \"@ACTOR@\"\n[service.y]\ncommand = \"@ACTOR@\"\n");
    daemon.signal(SIGHUP);
    EXPECT_TRUE(daemon.reaches("y", "ready"));
    EXPECT_EQ(daemon.status("x")["pid"].number(), before);
}

TEST(Version, IsTheSameEverywhere) {
    Daemon daemon("");
    const std::string version = daemon.http("GET", "/v1/version").json()["version"].text();
    EXPECT_EQ(version, DPSUP_VERSION);
    EXPECT_THAT(run({.command = {DPSUP_DPSUPD, "--version"}}).out, HasSubstr(version));
    EXPECT_THAT(daemon.ctl({"version"}).out, HasSubstr(version));
}

TEST(Status, IsATableForPeopleAndJsonForPrograms) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n[service.job]\njob = true\ncommand = \"true\"\n");
    ASSERT_TRUE(daemon.all_reach({"ready", "done"}));
    const Finished table = daemon.ctl({"status"});
    EXPECT_EQ(table.code(), 0);
    EXPECT_THAT(table.out, HasSubstr("ready"));
    EXPECT_THAT(table.out, HasSubstr("job"));
    EXPECT_EQ(table.out.find('\033'), std::string::npos) << "colours although nobody looks at a terminal";
    const Json status = daemon.ctl_json({"status"});
    EXPECT_EQ(status["host"].text(), "testhost");
    const Json x = status["services"].where("name", "x");
    EXPECT_EQ(x["kind"].text(), "process");
    EXPECT_EQ(x["wanted"].text(), "up");
    EXPECT_GT(x["pid"].number(), 0);
    EXPECT_EQ(status["services"].where("name", "job")["kind"].text(), "job");
    EXPECT_EQ(daemon.ctl_json({"status", "x"})["services"].size(), 1U);
}

TEST(Status, IsWatched) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string out = daemon.path("watched");
    Child watching({.command = daemon.ctl_command({"status", "--watch"}), .out = out, .err = out});
    ASSERT_TRUE(eventually([&] { return read_file(out).find("ready") != std::string::npos; }))
        << read_file(out);
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return read_file(out).find("stopped") != std::string::npos; }))
        << read_file(out);
    EXPECT_TRUE(watching.running());
}

TEST(Help, IsThereForEveryCommand) {
    for (const char* command : {"status", "start", "stop", "restart", "kill", "reload", "plan", "apply",
                                "check", "explain", "logs", "events", "daemon", "version"}) {
        const Finished help = run({.command = {DPSUP_DPSUPCTL, command, "--help"}});
        EXPECT_EQ(help.code(), 0) << command;
        EXPECT_THAT(help.out, HasSubstr(command));
    }
    EXPECT_THAT(run({.command = {DPSUP_DPSUPD, "--help"}}).out, HasSubstr("--check"));
}

}  // namespace
}  // namespace dpsup::test
