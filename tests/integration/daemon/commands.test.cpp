// Commands at any moment: while a service starts, stops, waits or fails.
#include <gmock/gmock.h>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

// Ready once DIR/go exists; one instance ever.
constexpr const char* gated = R"([service.x]
command = "@ACTOR@ lock @DIR@/lock record @DIR@/record x wait-for @DIR@/go notify READY=1"
notify = true
restart = { delay = "10ms" }
)";

TEST(Command, StopsAServiceThatStarts) {
    Daemon daemon(gated);
    ASSERT_TRUE(daemon.reaches("x", "starting"));
    const Finished stopped = daemon.ctl({"stop", "--wait", "x"});
    EXPECT_EQ(stopped.code(), 0) << stopped.all();
    const Json now = daemon.status("x");
    EXPECT_EQ(now["state"].text(), "stopped");
    EXPECT_EQ(now["wanted"].text(), "down");
    EXPECT_EQ(now["pid"].number(), 0);
    EXPECT_FALSE(is_locked(daemon.path("lock")));
}

TEST(Command, StartsAServiceThatStops) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ lock @DIR@/lock record @DIR@/record x ignore-term notify READY=1"
notify = true
stop_timeout = "500ms"
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_EQ(daemon.ctl({"stop", "x"}).code(), 0);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    const Finished started = daemon.ctl({"start", "--wait", "x"});
    EXPECT_EQ(started.code(), 0) << started.all();
    EXPECT_EQ(daemon.status("x")["state"].text(), "ready");
    EXPECT_EQ(count_records(daemon.path("record"), "start", "x"), 2U);
    EXPECT_EQ(daemon.text("lock.double"), "");
}

TEST(Command, RestartsAServiceThatWaitsForADependencyOnce) {
    Daemon daemon(std::string(gated) + R"([service.y]
command = "@ACTOR@ record @DIR@/record y"
depends_on = { x = "ready" }
)");
    ASSERT_TRUE(daemon.reaches("y", "waiting"));
    for (int i = 0; i < 3; ++i) ASSERT_EQ(daemon.ctl({"restart", "y"}).code(), 0);
    EXPECT_EQ(daemon.status("y")["state"].text(), "waiting");
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("y", "ready"));
    ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "y") > 0; }));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "y"}).code(), 0);
    EXPECT_EQ(count_records(daemon.path("record"), "start", "y"), 1U);
}

TEST(Command, RetriesAServiceInBackoffAtOnce) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ wait-for @DIR@/go exit 1"
restart = { delay = "1h", max_delay = "1h" }
)");
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("x", "backoff"));
    std::remove(daemon.path("go").c_str());
    const Finished started = daemon.ctl({"start", "--wait", "x"});
    EXPECT_EQ(started.code(), 0) << started.all();
    EXPECT_EQ(daemon.status("x")["state"].text(), "ready");
}

TEST(Command, StopsAServiceInBackoff) {
    Daemon daemon(
        "[service.x]\ncommand = [\"/bin/false\"]\nrestart = { delay = \"1h\", max_delay = \"1h\" }\n");
    ASSERT_TRUE(daemon.reaches("x", "backoff"));
    EXPECT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    EXPECT_EQ(daemon.status("x")["state"].text(), "stopped");
}

TEST(Command, WaitsUntilTheServiceIsReady) {
    // It starts by nothing but the command; so the wait is under way once it starts.
    Daemon daemon(std::string(gated) + "enabled = false\n");
    Child waiting({.command = daemon.ctl_command({"start", "--wait", "x"})});
    ASSERT_TRUE(daemon.reaches("x", "starting"));
    EXPECT_TRUE(waiting.running());
    write_file(daemon.path("go"), "");
    const auto end = waiting.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_EQ(daemon.status("x")["state"].text(), "ready");
}

TEST(Command, TellsWhyAWaitFailed) {
    Daemon daemon("[service.x]\ncommand = [\"/nonexistent/program\"]\nenabled = false\n");
    const Finished started = daemon.ctl({"start", "--wait", "x"});
    EXPECT_EQ(started.code(), 1);
    EXPECT_THAT(started.err, HasSubstr("/nonexistent/program"));
}

TEST(Command, GivesAWaitUpAfterItsTimeout) {
    Daemon daemon(gated);
    const Finished started = daemon.ctl({"start", "--wait", "--timeout", "100ms", "x"});
    EXPECT_EQ(started.code(), 1);
    EXPECT_THAT(started.err, HasSubstr("starting"));
}

TEST(Command, EndsAWaitWhenSomebodyWantsOtherwise) {
    // It starts by nothing but the command; so the wait is under way once it starts.
    Daemon daemon(std::string(gated) + "enabled = false\n");
    Child waiting({.command = daemon.ctl_command({"start", "--wait", "x"})});
    ASSERT_TRUE(daemon.reaches("x", "starting"));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    const auto end = waiting.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 1);
}

constexpr const char* chain = R"(
[service.a]
command = "@ACTOR@ record @DIR@/record a stop-takes 20"
[service.b]
command = "@ACTOR@ record @DIR@/record b stop-takes 20"
depends_on = ["a"]
[service.c]
command = "@ACTOR@ record @DIR@/record c stop-takes 20"
depends_on = ["b"]
)";

// Actors run their first step after exec, which is when the daemon calls them ready.
void await_records(const Daemon& daemon, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", name) > 0; }))
            << name;
}

TEST(Cascade, StopsDependentsFirst) {
    Daemon daemon(chain);
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    await_records(daemon, {"a", "b", "c"});
    const Finished stopped = daemon.ctl({"stop", "--cascade", "--wait", "a"});
    ASSERT_EQ(stopped.code(), 0) << stopped.all();
    const auto records = records_of(daemon.path("record"));
    ASSERT_GT(time_of(records, "stop", "c"), 0);
    EXPECT_LT(time_of(records, "stop", "c"), time_of(records, "term", "b"));
    EXPECT_LT(time_of(records, "stop", "b"), time_of(records, "term", "a"));
    for (const char* name : {"a", "b", "c"}) EXPECT_EQ(daemon.status(name)["state"].text(), "stopped");
}

TEST(Cascade, StartsDependenciesToo) {
    Daemon daemon(replaced(chain, "\ndepends_on", "\nenabled = false\ndepends_on"));
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "a"}).code(), 0);
    const Finished started = daemon.ctl({"start", "--cascade", "--wait", "c"});
    EXPECT_EQ(started.code(), 0) << started.all();
    EXPECT_TRUE(daemon.all_reach({"ready"}));
}

TEST(Cascade, IsNotDoneUnasked) {
    Daemon daemon(chain);
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const Finished stopped = daemon.ctl({"stop", "--wait", "a"});
    EXPECT_EQ(stopped.code(), 0);
    EXPECT_THAT(stopped.all(), HasSubstr("--cascade")) << "nobody is told that b still runs";
    EXPECT_EQ(daemon.status("b")["state"].text(), "ready");
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "b"}).code(), 0);
    Child waiting({.command = daemon.ctl_command({"start", "--wait", "b"})});
    ASSERT_TRUE(daemon.reaches("b", "waiting"));
    EXPECT_THAT(daemon.ctl({"explain", "b"}).out, HasSubstr("a"));
}

TEST(ExitCode, TellsUsageErrors) {
    Daemon daemon(chain);
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"bogus"},
                                                  {"start"},
                                                  {"start", "--bogus", "a"},
                                                  {"stop", "--timeout", "soon", "a"},
                                                  {"kill", "--signal", "BOGUS", "a"},
                                                  {}}) {
        const Finished finished = daemon.ctl(wrong);
        EXPECT_EQ(finished.code(), 2)
            << (wrong.empty() ? "no command" : wrong.front()) << ": " << finished.all();
        EXPECT_NE(finished.err, "");
    }
}

TEST(ExitCode, TellsRefusals) {
    Daemon daemon(chain);
    const Finished unknown = daemon.ctl({"start", "bb"});
    EXPECT_EQ(unknown.code(), 1);
    EXPECT_THAT(unknown.err, HasSubstr("\"bb\""));
    const Finished reload = daemon.ctl({"reload", "a"});
    EXPECT_EQ(reload.code(), 1);
    EXPECT_THAT(reload.err, HasSubstr("reload"));
    EXPECT_EQ(daemon.ctl({"status", "nobody"}).code(), 1);
    EXPECT_EQ(daemon.ctl({"explain", "nobody"}).code(), 1);
}

TEST(ExitCode, TellsThatAReloadFailed) {
    Daemon daemon(
        "[service.good]\ncommand = \"@ACTOR@\"\nreload = { command = [\"/bin/true\"] }\n"
        "[service.bad]\ncommand = \"@ACTOR@\"\nreload = { command = [\"/bin/false\"] }\n");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_EQ(daemon.ctl({"reload", "--wait", "good"}).code(), 0);
    const Finished bad = daemon.ctl({"reload", "--wait", "bad"});
    EXPECT_EQ(bad.code(), 1);
    EXPECT_THAT(bad.all(), HasSubstr("could not be reloaded"));
}

TEST(Start, OfAServiceThatEndedByItselfLaunchesItAgain) {
    Daemon daemon("[service.a]\ncommand = \"@ACTOR@ exit 0\"\nrestart = \"on-failure\"\n");
    ASSERT_TRUE(daemon.all_reach({"done"}));
    EXPECT_EQ(daemon.ctl({"start", "--wait", "a"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return daemon.status("a")["restarts"].number() == 1; }));
}

TEST(ExitCode, TellsThatTheDaemonIsNotThere) {
    Daemon daemon(chain);
    ASSERT_TRUE(daemon.terminate().has_value());
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                    {"start", "a"},
                                                    {"explain", "a"},
                                                    {"events"},
                                                    {"plan"},
                                                    {"apply"}}) {
        const Finished finished = daemon.ctl(command);
        EXPECT_EQ(finished.code(), 3) << command.front() << ": " << finished.all();
        EXPECT_THAT(finished.err, HasSubstr(daemon.socket()));
    }
}

std::vector<std::string> as_somebody(const std::string& groups, const std::vector<std::string>& command) {
    std::vector<std::string> all{"setpriv", "--reuid=65534", "--regid=65534"};
    all.push_back(groups.empty() ? "--clear-groups" : "--groups=" + groups);
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

TEST(ExitCode, TellsThatAUserMayNot) {
    Daemon daemon(chain);
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"status"}, {"stop", "a"}, {"apply"}, {"events"}}) {
        const Finished finished = run({.command = as_somebody("", daemon.ctl_command(command))});
        EXPECT_EQ(finished.code(), 4) << command.front() << ": " << finished.all();
        EXPECT_NE(finished.err, "");
    }
    EXPECT_EQ(daemon.status("a")["state"].text(), "ready");
}

TEST(Role, FollowsTheGroup) {
    Daemon daemon(std::string(chain) + "[control]\noperators = \"54321\"\nviewers = [\"*\"]\n");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto as = [&](const std::string& groups, const std::vector<std::string>& command) {
        return run({.command = as_somebody(groups, daemon.ctl_command(command))}).code();
    };
    EXPECT_EQ(as("", {"status"}), 0);
    EXPECT_EQ(as("", {"stop", "c"}), 4);
    EXPECT_EQ(as("54321", {"restart", "--wait", "c"}), 0);
    EXPECT_EQ(as("54321", {"apply"}), 4);
    EXPECT_THAT(daemon.story("c"), HasSubstr("nobody"));
    daemon.configure(std::string(chain) + "[control]\noperators = \"54322\"\nviewers = [\"*\"]\n");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return as("54321", {"restart", "--wait", "c"}) == 4; }));
    EXPECT_EQ(as("54322", {"restart", "--wait", "c"}), 0);
}

}  // namespace
}  // namespace dpsup::test
