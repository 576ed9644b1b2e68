// The daemon dies by SIGKILL, and the configuration is edited, or what was applied forgotten, before another one takes its
// services over.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

bool forget_applied(const Daemon& daemon) {
    for (const auto& file : std::filesystem::directory_iterator(daemon.path("run")))
        if (file.path().filename().string().starts_with("applied-")) return std::filesystem::remove(file);
    return false;
}

class ChangedTakeover : public ::testing::TestWithParam<bool> {
protected:
    [[nodiscard]] static Options options() { return {.cgroups = GetParam()}; }
};

// Files that somebody is just editing, or has spoiled, take effect by an apply and by nothing else.
TEST_P(ChangedTakeover, GoesOnWithWhatWasApplied) {
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
    daemon.crash();
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 2U);
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 3U) << "restart a, remove b, add new";

    daemon.configure("[service.a\n");
    daemon.crash();
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.ctl({"apply"}).code(), 1);
    daemon.crash();
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);

    // What the services' own files held then is known too.
    daemon.configure(before);
    write_file(daemon.path("b.env"), "X=2\n");
    daemon.crash();
    const Json operations = daemon.ctl_json({"plan"})["operations"];
    ASSERT_EQ(operations.size(), 1U);
    EXPECT_EQ(operations.items()[0]["service"].text(), "b");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("b");
        return now["state"].text() == "ready" && now["pid"].number() != b;
    }));
    daemon.crash();
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 0U);
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);

    // Once all has been stopped as it should, the files count.
    daemon.configure("[service.new]\ncommand = \"@ACTOR@\"\n");
    daemon.relaunch();
    EXPECT_TRUE(daemon.reaches("new", "ready"));
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 1U);
}

// Without the record of what was applied the files count, also for what runs already.
TEST_P(ChangedTakeover, RestartsWhatWasLaunchedFromAnotherDefinition) {
    const std::string before = "[service.a]\ncommand = \"@ACTOR@\"\n[service.b]\ncommand = \"@ACTOR@\"\n";
    Daemon daemon(before, options());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto a = daemon.status("a")["pid"].number();
    const auto b = daemon.status("b")["pid"].number();
    daemon.configure(before + "environment = { WORD = \"new\" }\nstop_timeout = \"7s\"\n");
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ASSERT_TRUE(forget_applied(daemon));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(eventually([&] {
        const Json now = daemon.status("b");
        return now["state"].text() == "ready" && now["pid"].number() != b;
    }));
    EXPECT_THAT(daemon.story("b"), HasSubstr("its configuration changed while dpsupd was away"));
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 0U);
    daemon.crash();
    EXPECT_EQ(daemon.status("a")["pid"].number(), a);
    EXPECT_EQ(daemon.status("b")["restarts"].number(), 1) << "once is enough";
}

// It is another job, but the same service: whoever watches its counter must not see it go back.
class ChangedJob : public ::testing::TestWithParam<bool> {};

TEST_P(ChangedJob, ThatWasDoneRunsAnewAndGoesOnCounting) {
    const bool saved = GetParam();
    const std::string before =
        "[service.job]\njob = true\ncommand = \"@ACTOR@ record @DIR@/record job exit 0\"\n";
    Daemon daemon(before);
    ASSERT_TRUE(daemon.reaches("job", "done"));
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "job"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "job"}).code(), 0);
    ASSERT_EQ(daemon.status("job")["restarts"].number(), 2);
    ASSERT_TRUE(eventually([&] { return daemon.text("state/state.json").find("job") != std::string::npos; }));
    daemon.configure(before + "environment = { WORD = \"new\" }\n");
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ASSERT_TRUE(forget_applied(daemon));
    ASSERT_TRUE(saved || std::filesystem::remove(daemon.path("state/state.json")));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "job") == 4; }));
    ASSERT_TRUE(daemon.reaches("job", "done"));
    EXPECT_EQ(daemon.status("job")["restarts"].number(), 3);
}

INSTANTIATE_TEST_SUITE_P(Daemon, ChangedJob, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "AsIsSaved" : "WhichIsNotSavedYet"; });

// Its configuration is gone, and with it nobody knows its user or its probes; but how to stop it is on record.
TEST_P(ChangedTakeover, StopsInOrderWhatIsNotConfiguredAnyMore) {
    Daemon daemon(R"([service.db]
command = "@ACTOR@ record @DIR@/record db"
stop_signal = "INT"
stop_timeout = "30s"
[service.web]
command = ["@ACTOR@", "record", "@DIR@/record", "web"]
depends_on = ["db"]
)",
                  options());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto db = static_cast<pid_t>(daemon.status("db")["pid"].number());
    const auto web = static_cast<pid_t>(daemon.status("web")["pid"].number());
    daemon.configure("[service.other]\ncommand = \"@ACTOR@\"\n");
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ASSERT_TRUE(forget_applied(daemon));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(eventually([&] { return !runs(db) && !runs(web); }));
    const std::vector<Record> records = records_of(daemon.path("record"));
    EXPECT_GT(time_of(records, "stop", "web"), 0) << "it was killed";
    EXPECT_GT(time_of(records, "stop", "db"), time_of(records, "stop", "web"));
    EXPECT_TRUE(daemon.reaches("other", "ready"));
    EXPECT_TRUE(eventually([&] { return daemon.ctl_json({"status"})["services"].size() == 1U; }));
    const std::string kept = read_file(daemon.path("run/runs"));
    daemon.crash();
    EXPECT_EQ(daemon.ctl_json({"status"})["services"].size(), 1U) << kept;
}

// Of hundreds only a few are under way at a time; for the others it was no failure.
TEST_P(ChangedTakeover, LaunchesThoseWhoseTurnHadNotCome) {
    std::string text;
    for (int i = 0; i < 150; ++i)
        text += "[service.s" + std::to_string(i) + "]\ncommand = \"sleep 1000\"\nrestart = \"no\"\n";
    Daemon daemon(text, options(), Daemon::Prepared{});
    daemon.launch();
    ASSERT_TRUE(eventually([&] { return daemon.text("run/runs").find("s149") != std::string::npos; }));
    daemon.crash();
    EXPECT_TRUE(daemon.until("those that were not under way run", [](const Daemon::States& states) {
        const auto ready =
            std::ranges::count_if(states, [](const auto& one) { return one.second.state == "ready"; });
        return ready >= 140;  // what was being launched at that moment may or may not have been born
    }));
}

INSTANTIATE_TEST_SUITE_P(Daemon, ChangedTakeover, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
