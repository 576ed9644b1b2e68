// `dpsupctl daemon stop`: the daemon ends, and its services end with it or go on.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

TEST(DaemonStop, StopsEverythingAndEndsBeforeDpsupctlDoes) {
    Daemon daemon(R"([service.db]
command = "@ACTOR@ lock @DIR@/db record @DIR@/record db notify READY=1"
notify = true
[service.web]
command = "@ACTOR@ lock @DIR@/web record @DIR@/record web notify READY=1"
notify = true
depends_on = { db = "ready" }
)");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const Finished stopped = daemon.ctl({"daemon", "stop"});
    EXPECT_EQ(stopped.code(), 0) << stopped.all();
    EXPECT_THAT(stopped.out, HasSubstr("all services have stopped"));
    EXPECT_FALSE(is_locked(daemon.path("db")));
    EXPECT_FALSE(is_locked(daemon.path("web")));
    EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0);
    const std::vector<Record> records = records_of(daemon.path("record"));
    EXPECT_LT(time_of(records, "term", "web"), time_of(records, "term", "db"));
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_EQ(daemon.ctl({"daemon", "stop"}).code(), 3);
}

TEST(DaemonStop, IsBoundedByTheShutdownTimeout) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ lock @DIR@/lock ignore-term notify READY=1"
notify = true
stop_timeout = "1h"
)",
                  {.daemon_keys = "shutdown_timeout = \"300ms\""});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.ctl({"daemon", "stop"}).code(), 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
    EXPECT_TRUE(daemon.wait().has_value());
}

TEST(DaemonStop, IsRefusedWhileTheDaemonEndsAlready) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ lock @DIR@/lock ignore-term notify READY=1"
notify = true
stop_timeout = "1h"
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.signal(SIGTERM);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    const Finished left = daemon.ctl({"daemon", "stop", "--leave-services"});
    EXPECT_EQ(left.code(), 3);
    EXPECT_THAT(left.err, HasSubstr("ending already"));
    daemon.signal(SIGTERM);
    EXPECT_TRUE(daemon.wait().has_value());
}

class LeavingDaemonStop : public ::testing::TestWithParam<bool> {};

TEST_P(LeavingDaemonStop, LeavesServicesToTheNextDaemon) {
    Daemon daemon(R"([service.db]
command = "@ACTOR@ lock @DIR@/lock notify READY=1"
notify = true
[service.web]
command = "@ACTOR@"
depends_on = { db = "ready" }
healthcheck = { exec = "true", interval = "100ms" }
[service.off]
command = "@ACTOR@"
[service.init]
job = true
command = "@ACTOR@ record @DIR@/jobs init exit 0"
)",
                  {.cgroups = GetParam()});
    ASSERT_TRUE(daemon.all_reach({"ready", "done"}));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "off"}).code(), 0);
    const auto db = daemon.status("db")["pid"].number();
    const auto web = daemon.status("web")["pid"].number();
    const Json reply = daemon.ctl_json({"daemon", "stop", "--leave-services"});
    EXPECT_EQ(reply["pid"].number(), daemon.pid());
    EXPECT_TRUE(reply["leave_services"].truth());
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_EQ(daemon.ctl({"status"}).code(), 3);
    EXPECT_TRUE(is_locked(daemon.path("lock")));

    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_EQ(daemon.status("db")["pid"].number(), db);
    EXPECT_EQ(daemon.status("web")["pid"].number(), web);
    EXPECT_EQ(daemon.status("web")["restarts"].number(), 0);
    EXPECT_EQ(daemon.status("off")["state"].text(), "stopped");
    EXPECT_EQ(count_records(daemon.path("jobs"), "start", "init"), 1U);

    const Finished left = daemon.ctl({"daemon", "stop", "--leave-services"});
    EXPECT_EQ(left.code(), 0) << left.all();
    EXPECT_THAT(left.out, HasSubstr("its services go on"));
    ASSERT_TRUE(daemon.wait().has_value());
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_EQ(daemon.status("db")["pid"].number(), db);
    EXPECT_EQ(daemon.ctl({"daemon", "stop"}).code(), 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

INSTANTIATE_TEST_SUITE_P(Daemon, LeavingDaemonStop, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
