// What outlives the daemon: what somebody wanted. And what does not: the second daemon.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr const char* two = R"([service.x]
command = "@ACTOR@ lock @DIR@/lock"
[service.y]
command = "@ACTOR@"
enabled = false
)";

TEST(Memory, KeepsAStoppedServiceStoppedAcrossARestart) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.status("y")["state"].text(), "stopped");
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"start", "--wait", "y"}).code(), 0);
    daemon.relaunch();
    ASSERT_TRUE(daemon.reaches("y", "ready"));
    EXPECT_EQ(daemon.status("x")["state"].text(), "stopped");
    EXPECT_EQ(daemon.status("x")["wanted"].text(), "down");

    ASSERT_EQ(daemon.ctl({"start", "--wait", "x"}).code(), 0);
    daemon.relaunch();
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(Memory, KeepsWhatWasAnsweredThoughTheDaemonIsKilled) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_EQ(daemon.ctl({"stop", "x"}).code(), 0);
    daemon.crash();
    EXPECT_EQ(daemon.status("x")["wanted"].text(), "down");
}

TEST(Memory, OfAKilledDaemonLeadsToNoSecondInstance) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    if (daemon.scratch().cgroup().empty()) GTEST_SKIP() << "no cgroup v2 tree that a test may use";
    ASSERT_TRUE(eventually([&] { return is_locked(daemon.path("lock")); }));
    daemon.crash();
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
    EXPECT_EQ(daemon.text("lock.double"), "");
}

TEST(Memory, ThatIsDamagedIsNotGuessedAt) {
    Daemon daemon(two, {}, Daemon::Prepared{});
    std::filesystem::create_directory(daemon.path("state"));
    write_file(daemon.path("state/state.json"), "{\"version\":1,\"serv");
    daemon.launch();
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_GT(end->code, 0);
    EXPECT_THAT(daemon.log(), HasSubstr("state.json"));
    EXPECT_EQ(daemon.text("state/state.json"), "{\"version\":1,\"serv");
}

TEST(SecondDaemon, OnTheSameStateDirectoryRefuses) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const Finished second = run({.command = {DPSUP_DPSUPD, "--config", daemon.config_file()}});
    EXPECT_GT(second.code(), 0);
    EXPECT_THAT(second.all(), HasSubstr("another dpsupd (pid " + std::to_string(daemon.pid()) + ")"));
    EXPECT_EQ(daemon.ctl({"status"}).code(), 0);
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

TEST(SecondDaemon, OnTheSameRuntimeDirectoryRefuses) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string other = daemon.path("other.toml");
    const std::string text = replaced(daemon.text("dpsup.toml"), daemon.path("state"), daemon.path("state2"));
    write_file(other, replaced(text, "control.sock", "other.sock"));
    const Finished second = run({.command = {DPSUP_DPSUPD, "--config", other}});
    EXPECT_EQ(second.code(), 1);
    EXPECT_THAT(second.all(), HasSubstr("another dpsupd (pid " + std::to_string(daemon.pid()) +
                                        ") uses the runtime directory " + daemon.path("run")));
}

TEST(SecondDaemon, OnTheSameSocketRefuses) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string other = daemon.path("other.toml");
    const std::string text = replaced(daemon.text("dpsup.toml"), daemon.path("state"), daemon.path("state2"));
    write_file(other, replaced(text, "\"" + daemon.path("run") + "\"", "\"" + daemon.path("run2") + "\""));
    const Finished second = run({.command = {DPSUP_DPSUPD, "--config", other}});
    EXPECT_GT(second.code(), 0);
    EXPECT_THAT(second.all(), HasSubstr("control.sock"));
    EXPECT_EQ(daemon.ctl({"status"}).code(), 0);
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

TEST(SecondDaemon, WithPathsOfItsOwnIsIndependent) {
    Daemon daemon(two);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string other = daemon.path("other.toml");
    std::string text = daemon.text("dpsup.toml");
    for (const char* name : {"state", "run", "log"})
        text = replaced(text, daemon.path(name) + "", daemon.path(std::string("other-") + name));
    write_file(other, replaced(text, daemon.path("lock"), daemon.path("lock2")));
    Child second({.command = {DPSUP_DPSUPD, "--config", other},
                  .before_exec = [&] { return daemon.scratch().enter_cgroup(); }});
    const std::string socket = daemon.path("other-run/control.sock");
    ASSERT_TRUE(eventually([&] { return http(socket, "GET", "/v1/version").status == 200; }));
    ASSERT_TRUE(eventually([&] {
        return http(socket, "GET", "/v1/status").json()["services"].where("name", "x")["state"].text() ==
               "ready";
    }));
    second.signal(SIGTERM);
    EXPECT_TRUE(second.wait().has_value());
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
    EXPECT_EQ(daemon.status("x")["state"].text(), "ready");
}

// The daemon alone sees the small file system; we reach it through its root directory.
class FullDisk : public ::testing::Test {
protected:
    static std::string inside(const Daemon& daemon, const std::string& name) {
        return "/proc/" + std::to_string(daemon.pid()) + "/root" + daemon.path("state/" + name);
    }
    static void fill(const Daemon& daemon) {
        append_file(inside(daemon, "filler"), std::string(1 << 20, 'x'));
    }
};

TEST_F(FullDisk, UnderTheStateDirectoryStopsNoSupervision) {
    Daemon daemon(two, {.small_state_dir = "64k"});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    fill(daemon);

    const Finished stopped = daemon.ctl({"stop", "--wait", "x"});
    EXPECT_THAT(stopped.all(), AnyOf(HasSubstr("No space left"), HasSubstr("ENOSPC"), HasSubstr("space")))
        << "nobody is told that it will be forgotten";
    EXPECT_EQ(daemon.status("x")["state"].text(), "stopped");
    (void)daemon.ctl({"start", "--wait", "x"});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto before = daemon.status("x")["pid"].number();
    ::kill(static_cast<pid_t>(before), SIGKILL);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("x");
        return now["state"].text() == "ready" && now["pid"].number() != before;
    }));

    // Room again: what was wanted meanwhile is kept after all.
    (void)daemon.ctl({"stop", "--wait", "x"});
    std::filesystem::remove(inside(daemon, "filler"));
    EXPECT_TRUE(eventually([&] {
        return Json::parse(read_file(inside(daemon, "state.json")))["services"]["x"]["wanted"].text() ==
               "down";
    })) << read_file(inside(daemon, "state.json"));
}

TEST_F(FullDisk, KeepsNoDaemonFromEnding) {
    Daemon daemon(two, {.small_state_dir = "64k"});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    fill(daemon);
    (void)daemon.ctl({"stop", "x"});
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->signal, 0);
}

}  // namespace
}  // namespace dpsup::test
