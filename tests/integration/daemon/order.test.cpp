// Who starts and stops when, by the times that the services themselves wrote down.
#include <gmock/gmock.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

std::string service(const std::string& name, const std::string& keys = {}) {
    return "[service." + name + "]\ncommand = \"@ACTOR@ record @DIR@/record " + name +
           " stop-takes 20 notify READY=1\"\nnotify = true\n" + keys + "\n";
}

TEST(Order, IsThatOfDependenciesAndItsReverseAtTheEnd) {
    Daemon daemon(service("web", "depends_on = { left = \"ready\", right = \"ready\" }") +
                  service("left", "depends_on = { base = \"ready\" }") +
                  service("right", "depends_on = { base = \"ready\" }") + service("base"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    const auto records = records_of(daemon.path("record"));
    for (const char* side : {"left", "right"}) {
        EXPECT_LT(time_of(records, "start", "base"), time_of(records, "start", side));
        EXPECT_LT(time_of(records, "start", side), time_of(records, "start", "web"));
        EXPECT_LT(time_of(records, "stop", "web"), time_of(records, "term", side));
        EXPECT_LT(time_of(records, "stop", side), time_of(records, "term", "base"));
    }
    EXPECT_GT(time_of(records, "stop", "web"), 0);
    EXPECT_GT(time_of(records, "stop", "base"), 0);
}

constexpr const char* slow = R"([service.slow]
command = "@ACTOR@ record @DIR@/record slow wait-for @DIR@/go note ready notify READY=1"
notify = true
)";

TEST(Condition, StartedDoesNotWaitForReady) {
    Daemon daemon(std::string(slow) + service("eager", "depends_on = [\"slow\"]"));
    ASSERT_TRUE(daemon.reaches("eager", "ready"));
    EXPECT_EQ(daemon.status("slow")["state"].text(), "starting");
}

TEST(Condition, ReadyWaitsUntilItIsReady) {
    Daemon daemon(std::string(slow) + service("patient", "depends_on = { slow = \"ready\" }"));
    ASSERT_TRUE(daemon.until("slow starting, patient waiting", [](const Daemon::States& states) {
        return states.at("slow").state == "starting" && states.at("patient").state == "waiting";
    }));
    EXPECT_THAT(daemon.status("patient")["reason"].text(), HasSubstr("slow"));
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("patient", "ready"));
    const auto records = records_of(daemon.path("record"));
    EXPECT_LT(time_of(records, "ready", "slow"), time_of(records, "start", "patient"));
}

TEST(Condition, DoneWaitsForTheJobsSuccess) {
    Daemon daemon(R"([service.job]
job = true
command = ["/bin/sh", "-c", "test -e @DIR@/go && echo >> @DIR@/success"]
restart = { delay = "10ms", max_delay = "20ms" }
)" + service("after", "depends_on = { job = \"done\" }"));
    ASSERT_TRUE(daemon.until(
        "a failed job", [](const Daemon::States& states) { return states.at("job").state == "backoff"; }));
    EXPECT_EQ(daemon.status("after")["state"].text(), "waiting");
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("after", "ready"));
    EXPECT_EQ(daemon.status("job")["state"].text(), "done");
    EXPECT_EQ(daemon.text("success"), "\n");
}

TEST(Condition, OfAnOptionalDependencyOnlyOrders) {
    Daemon daemon(R"([service.broken]
command = ["/nonexistent/program"]
restart = "no"
)" + service("web", "depends_on = { broken = { condition = \"ready\", optional = true } }"));
    EXPECT_TRUE(daemon.reaches("web", "ready"));
    EXPECT_EQ(daemon.status("broken")["state"].text(), "failed");
}

TEST(Condition, IsNotMetByAServiceThatSomebodyStopped) {
    Daemon daemon(service("base") + service("web", "depends_on = { base = \"ready\" }"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "web"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "base"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"start", "web"}).code(), 0);
    ASSERT_TRUE(daemon.reaches("web", "waiting"));
    ASSERT_EQ(daemon.ctl({"start", "base"}).code(), 0);
    EXPECT_TRUE(daemon.reaches("web", "ready"));
}

TEST(Job, RunsOnceThoughTheDaemonIsRestarted) {
    Daemon daemon(R"([service.job]
job = true
command = "@ACTOR@ record @DIR@/record job exit 0"
)");
    ASSERT_TRUE(daemon.reaches("job", "done"));
    daemon.relaunch();
    ASSERT_TRUE(daemon.reaches("job", "done"));
    EXPECT_EQ(count_records(daemon.path("record"), "start", "job"), 1U);

    const Finished again = daemon.ctl({"restart", "--wait", "job"});
    EXPECT_EQ(again.code(), 0) << again.all();
    EXPECT_EQ(count_records(daemon.path("record"), "start", "job"), 2U);
}

TEST(Job, RunsAgainWhereItsDefinitionChanged) {
    constexpr const char* job =
        "[service.job]\njob = true\ncommand = \"@ACTOR@ record @DIR@/record job exit 0\"\n";
    Daemon daemon(job);
    ASSERT_TRUE(daemon.reaches("job", "done"));
    ASSERT_TRUE(daemon.terminate().has_value());
    daemon.configure(std::string(job) + "environment = { VERSION = \"2\" }\n");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(eventually([&] { return count_records(daemon.path("record"), "stop", "job") == 2; }));
    EXPECT_TRUE(daemon.reaches("job", "done"));
}

TEST(Job, ThatFailsIsNotDoneAfterARestartOfTheDaemon) {
    Daemon daemon(
        "[service.job]\njob = true\nrestart = \"no\"\ncommand = \"@ACTOR@ record @DIR@/record job exit "
        "3\"\n");
    ASSERT_TRUE(daemon.reaches("job", "failed"));
    EXPECT_THAT(daemon.status("job")["reason"].text(), HasSubstr("exited with code 3"));
    daemon.relaunch();
    ASSERT_TRUE(daemon.reaches("job", "failed"));
    EXPECT_EQ(count_records(daemon.path("record"), "start", "job"), 2U);
}

class DependencyLoss : public ::testing::Test {
protected:
    // `base` dies by SIGKILL and comes back once DIR/go exists.
    static std::string pair(const std::string& on_loss) {
        return R"([service.base]
command = "@ACTOR@ wait-for @DIR@/go notify READY=1"
notify = true
restart = { delay = "10ms" }
)" + service("web", "depends_on = { base = \"ready\" }\non_dependency_loss = \"" + on_loss + "\"");
    }
    static void lose_base(Daemon& daemon) {
        write_file(daemon.path("go"), "");
        ASSERT_TRUE(daemon.all_reach({"ready"}));
        std::remove(daemon.path("go").c_str());
        ::kill(static_cast<pid_t>(daemon.status("base")["pid"].number()), SIGKILL);
        ASSERT_TRUE(daemon.reaches("base", "starting"));
    }
    static std::size_t starts_of_web(const Daemon& daemon) {
        return count_records(daemon.path("record"), "start", "web");
    }
};

TEST_F(DependencyLoss, KeepGoesOn) {
    Daemon daemon(pair("keep"));
    ASSERT_NO_FATAL_FAILURE(lose_base(daemon));
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_EQ(starts_of_web(daemon), 1U);
    EXPECT_THAT(daemon.story("web"), HasSubstr("base"));
}

TEST_F(DependencyLoss, StopWaitsForItAndStartsAgain) {
    Daemon daemon(pair("stop"));
    ASSERT_NO_FATAL_FAILURE(lose_base(daemon));
    ASSERT_TRUE(daemon.reaches("web", "waiting"));
    EXPECT_EQ(daemon.status("web")["wanted"].text(), "up");
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    EXPECT_EQ(starts_of_web(daemon), 2U);
}

TEST_F(DependencyLoss, RestartComesOnceItIsBack) {
    Daemon daemon(pair("restart"));
    ASSERT_NO_FATAL_FAILURE(lose_base(daemon));
    EXPECT_EQ(daemon.status("web")["state"].text(), "ready");
    EXPECT_EQ(starts_of_web(daemon), 1U);
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(eventually([&] { return starts_of_web(daemon) == 2; }));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_EQ(starts_of_web(daemon), 2U);
}

}  // namespace
}  // namespace dpsup::test
