// "Stopped" means that nothing of the service is left: not its children, not what double-forked away from it.
// The lock tells: every descendant holds it, and an actor that cannot take it leaves a file NAME.double. All
// of it with a cgroup tree and without.
#include <gmock/gmock.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

class Tree : public ::testing::TestWithParam<bool> {
protected:
    // A service `x` of these steps, ready once it has taken them.
    static std::string service(const std::string& steps, const std::string& keys = {}) {
        return "[service.x]\ncommand = \"@ACTOR@ lock @DIR@/lock " + steps +
               " notify READY=1\"\nnotify = true\nrestart = { delay = \"10ms\" }\n" + keys + "\n";
    }
    static Options options() {
        Options options;
        options.cgroups = GetParam();
        return options;
    }
    static void expect_single(const Daemon& daemon) { EXPECT_EQ(daemon.text("lock.double"), ""); }
};

TEST_P(Tree, IsKilledWhereItIgnoresSigterm) {
    Daemon daemon(service("ignore-term", "stop_timeout = \"200ms\""), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(is_locked(daemon.path("lock")));
    const Finished stopped = daemon.ctl({"stop", "--wait", "x"});
    EXPECT_EQ(stopped.code(), 0) << stopped.all();
    EXPECT_FALSE(is_locked(daemon.path("lock")));
    EXPECT_EQ(daemon.status("x")["state"].text(), "stopped");
    EXPECT_THAT(daemon.story("x"), HasSubstr("SIGKILL"));
}

TEST_P(Tree, OfALeaderThatDiedEndsBeforeTheNextInstance) {
    Daemon daemon(service("children 2 deaf-children 2", "stop_timeout = \"200ms\""), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto leader = static_cast<pid_t>(daemon.status("x")["pid"].number());
    ASSERT_GT(leader, 0);
    ::kill(leader, SIGKILL);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("x");
        return now["state"].text() == "ready" && now["pid"].number() != leader;
    }));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 1);
    expect_single(daemon);
}

TEST_P(Tree, IncludesWhatDoubleForkedAway) {
    Daemon daemon(service("orphan deaf-orphan", "stop_timeout = \"200ms\""), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const Finished stopped = daemon.ctl({"stop", "--wait", "x"});
    EXPECT_EQ(stopped.code(), 0) << stopped.all();
    EXPECT_FALSE(is_locked(daemon.path("lock")));
    const Finished started = daemon.ctl({"start", "--wait", "x"});
    EXPECT_EQ(started.code(), 0) << started.all();
    expect_single(daemon);
}

TEST_P(Tree, HoldsNobodyUpByKeepingStdoutOpen) {
    Daemon daemon(R"([service.x]
job = true
command = "@ACTOR@ lock @DIR@/lock say hello deaf-orphan exit 0"
log = { target = "file" }
stop_timeout = "200ms"
)",
                  options());
    ASSERT_TRUE(daemon.reaches("x", "done"));
    EXPECT_FALSE(is_locked(daemon.path("lock")));
    EXPECT_EQ(daemon.text("log/x.log"), "hello\n");
}

TEST_P(Tree, IsReplacedAsAWholeByRestart) {
    Daemon daemon(service("children 3 orphan"), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    for (int round = 0; round < 5; ++round) {
        const Finished restarted = daemon.ctl({"restart", "--wait", "x"});
        ASSERT_EQ(restarted.code(), 0) << restarted.all();
    }
    expect_single(daemon);
    EXPECT_TRUE(is_locked(daemon.path("lock")));
}

TEST_P(Tree, GetsTheSignalOfKill) {
    Daemon daemon(service("children 3 orphan"), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto leader = daemon.status("x")["pid"].number();
    const Finished killed = daemon.ctl({"kill", "x"});
    EXPECT_EQ(killed.code(), 0) << killed.all();
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("x");
        return now["state"].text() == "ready" && now["pid"].number() != leader;
    }));
    expect_single(daemon);
    EXPECT_THAT(daemon.story("x"), HasSubstr("SIGKILL"));
}

TEST_P(Tree, OfEveryServiceIsGoneWhenTheDaemonIs) {
    Daemon daemon(service("children 2 deaf-orphan", "stop_timeout = \"200ms\""), options());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

// Kernels since 6.14 kill at birth what clone3 puts into another cgroup, once the caller's own was ever killed by
// cgroup.kill: as after systemd killed a daemon that hung, and started it again in the same place.
TEST(Launch, WorksFromACgroupThatWasKilledBefore) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@ notify READY=1\"\nnotify = true\n", {},
                  Daemon::Prepared{});
    if (daemon.scratch().cgroup().empty()) GTEST_SKIP() << "no cgroup v2 tree that a test may use";
    append_file(daemon.scratch().cgroup() + "/cgroup.kill", "1");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

INSTANTIATE_TEST_SUITE_P(Process, Tree, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
