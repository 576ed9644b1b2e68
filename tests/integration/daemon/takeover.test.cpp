// The daemon dies by SIGKILL, and another one takes its services over: nothing that ran is touched or started twice.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <random>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

// A zombie does not.
bool runs(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const auto end = stat.rfind(')');
    return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] != 'Z';
}

long starts_in(const std::string& path) {
    const std::vector<Record> records = records_of(path);
    return std::ranges::count(records, "start", &Record::event);
}

class Takeover : public ::testing::TestWithParam<bool> {
protected:
    [[nodiscard]] static Options options() { return {.cgroups = GetParam()}; }
    static void crash(Daemon& daemon) {
        daemon.signal(SIGKILL);
        ASSERT_TRUE(daemon.wait().has_value());
        daemon.launch();
        ASSERT_TRUE(daemon.answers());
    }
};

TEST_P(Takeover, LeavesWhatRunsAsItIs) {
    Daemon daemon(R"([service.db]
command = "@ACTOR@ notify READY=1"
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
                  options());
    ASSERT_TRUE(daemon.all_reach({"ready", "done"}));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "off"}).code(), 0);
    const auto db = daemon.status("db")["pid"].number();
    const auto web = daemon.status("web")["pid"].number();
    crash(daemon);
    EXPECT_EQ(daemon.status("db")["pid"].number(), db);
    EXPECT_EQ(daemon.status("web")["pid"].number(), web);
    EXPECT_EQ(daemon.status("db")["state"].text(), "ready");
    EXPECT_EQ(daemon.status("web")["state"].text(), "ready");
    EXPECT_EQ(daemon.status("off")["state"].text(), "stopped");
    EXPECT_EQ(daemon.status("init")["state"].text(), "done");
    EXPECT_EQ(daemon.status("web")["restarts"].number(), 0);

    // From now on it is supervised as before.
    ::kill(static_cast<pid_t>(db), SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const Json now = daemon.status("db");
        return now["state"].text() == "ready" && now["pid"].number() != db && now["restarts"].number() == 1;
    }));
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "web"}).code(), 0);
    EXPECT_NE(daemon.status("web")["pid"].number(), web);
    EXPECT_EQ(starts_in(daemon.path("jobs")), 1) << "the job ran again";
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

TEST_P(Takeover, HearsWhatItIsNotified) {
    Daemon daemon(R"([service.a]
command = ["@ACTOR@", "notify", "READY=1", "wait-for", "@DIR@/go", "notify", "STATUS=still here"]
notify = true
)",
                  options());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    crash(daemon);
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(eventually([&] { return daemon.explain("a")["status_text"].text() == "still here"; }));
}

// The line that a log probe wants is written once, and nobody writes it again for a new daemon.
TEST_P(Takeover, KnowsWhatALogProbeHasSeen) {
    Daemon daemon(R"([service.a]
command = "@ACTOR@ say READY-TO-SERVE"
healthcheck = { log = "READY-TO-SERVE", interval = "50ms", retries = 1 }
)",
                  options());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    const auto pid = daemon.status("a")["pid"].number();
    crash(daemon);
    EXPECT_TRUE(eventually([&] { return daemon.explain("a")["probes"].items()[0]["detail"].text() != ""; }));
    EXPECT_THAT(daemon.explain("a")["probes"].items()[0]["detail"].text(), HasSubstr("seen"));
    EXPECT_EQ(daemon.status("a")["state"].text(), "ready");
    EXPECT_EQ(daemon.status("a")["pid"].number(), pid);
}

// Written before the takeover, looked for after it: it stands behind where the instance's output began.
TEST_P(Takeover, FindsALineThatWasWrittenWhileNobodyLooked) {
    Daemon daemon(R"([service.a]
command = "@ACTOR@ wait-for @DIR@/go say READY-TO-SERVE record @DIR@/said a"
readiness = { log = "READY-TO-SERVE", interval = "50ms" }
)",
                  options());
    ASSERT_TRUE(eventually([&] { return daemon.status("a")["pid"].number() > 0; }));
    const auto pid = daemon.status("a")["pid"].number();
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(eventually([&] { return starts_in(daemon.path("said")) == 1; }));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(daemon.reaches("a", "ready"));
    EXPECT_EQ(daemon.status("a")["pid"].number(), pid);
}

TEST_P(Takeover, SeesWhatEndedMeanwhile) {
    Daemon daemon("[service.a]\ncommand = \"@ACTOR@\"\n", options());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    const auto pid = static_cast<pid_t>(daemon.status("a")["pid"].number());
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return !runs(pid); }));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(eventually([&] {
        const Json now = daemon.status("a");
        return now["state"].text() == "ready" && now["pid"].number() != pid;
    }));
    EXPECT_THAT(daemon.story("a"), HasSubstr("not known"));
}

// Files that somebody is just editing, or has spoiled, take effect by an apply and by nothing else.
TEST_P(Takeover, GoesOnWithWhatWasApplied) {
    const std::string before = R"([service.a]
command = "@ACTOR@"
environment = { WORD = "${DPSUP_TEST_WORD}" }
[service.b]
command = "@ACTOR@"
env_file = ["@DIR@/b.env"]
)";
    Options some = options();
    some.environment = {{"DPSUP_TEST_WORD", "one"}};
    Daemon daemon(before, some, Daemon::Prepared{});
    write_file(daemon.path("b.env"), "X=1\n");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto a = daemon.status("a")["pid"].number();
    const auto b = daemon.status("b")["pid"].number();

    daemon.configure("[service.a]\ncommand = \"@ACTOR@ say other\"\n[service.new]\ncommand = \"@ACTOR@\"\n");
    crash(daemon);
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 2U);
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 3U) << "restart a, remove b, add new";

    daemon.configure("[service.a\n");
    crash(daemon);
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.ctl({"apply"}).code(), 1);
    crash(daemon);
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);

    // What the services' own files held then is known too.
    daemon.configure(before);
    write_file(daemon.path("b.env"), "X=2\n");
    crash(daemon);
    const Json operations = daemon.ctl_json({"plan"})["operations"];
    ASSERT_EQ(operations.size(), 1U);
    EXPECT_EQ(operations.items()[0]["service"].text(), "b");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("b");
        return now["state"].text() == "ready" && now["pid"].number() != b;
    }));
    crash(daemon);
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 0U);
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);

    // Once all has been stopped as it should, the files count.
    daemon.configure("[service.new]\ncommand = \"@ACTOR@\"\n");
    daemon.relaunch();
    EXPECT_TRUE(daemon.reaches("new", "ready"));
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 1U);
}

// At random moments, over services that run, crash, start and stop: each holds a lock, and says so where it cannot.
TEST_P(Takeover, AtAnyMomentLeadsToNoSecondInstance) {
    std::string text;
    for (int i = 0; i < 12; ++i)
        text += "[service.s" + std::to_string(i) + "]\ncommand = \"@ACTOR@ lock @DIR@/lock" +
                std::to_string(i) + "\"\n";
    for (int i = 0; i < 6; ++i)
        text += "[service.c" + std::to_string(i) + "]\ncommand = \"@ACTOR@ lock @DIR@/crash" +
                std::to_string(i) + " sleep " + std::to_string(20 + 30 * i) +
                " exit 1\"\nrestart = { delay = \"10ms\", max_delay = \"50ms\" }\n";
    Daemon daemon(text, {.daemon_keys = "restart_budget = { burst = 1000000, per_second = 1000000 }",
                         .cgroups = GetParam()});
    const auto steady = [](int i) { return "s" + std::to_string(i); };
    ASSERT_TRUE(eventually([&] {
        for (int i = 0; i < 12; ++i)
            if (daemon.status(steady(i))["state"].text() != "ready") return false;
        return true;
    }));
    std::map<std::string, long long> pids;
    std::map<std::string, long long> restarts;
    for (int i = 0; i < 12; ++i) pids[steady(i)] = daemon.status(steady(i))["pid"].number();
    std::mt19937 random(7);
    for (int round = 0; round < (full_size() ? 100 : sanitized ? 5 : 20); ++round) {
        if (round % 4 == 3) {
            const std::string name = steady(static_cast<int>(random() % 12));
            static_cast<void>(daemon.http("POST", "/v1/services/" + name + "/restart"));
            pids.erase(name);
        }
        ::usleep(static_cast<useconds_t>(random() % 60'000));
        crash(daemon);
        for (const auto& [name, pid] : pids)
            ASSERT_EQ(daemon.status(name)["pid"].number(), pid) << name << ", " << round;
        for (int i = 0; i < 6; ++i) {
            const std::string name = "c" + std::to_string(i);
            const auto count = daemon.status(name)["restarts"].number();
            ASSERT_GE(count, restarts[name]) << name;
            restarts[name] = count;
        }
    }
    for (int i = 0; i < 12; ++i) {
        EXPECT_TRUE(daemon.reaches(steady(i), "ready"));
        EXPECT_EQ(daemon.text("lock" + std::to_string(i) + ".double"), "") << i;
    }
    for (int i = 0; i < 6; ++i) EXPECT_EQ(daemon.text("crash" + std::to_string(i) + ".double"), "") << i;
}

INSTANTIATE_TEST_SUITE_P(Daemon, Takeover, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
