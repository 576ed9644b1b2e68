// plan and apply: each change has its class, nothing restarts that need not, and a bad file changes nothing.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string service(const std::string& name, const std::string& keys = {}) {
    return "[service." + name + "]\ncommand = \"@ACTOR@ note-signals @DIR@/signals-" + name +
           " notify READY=1\"\nnotify = true\n" + keys + "\n";
}

std::vector<std::string> operations(const Json& plan) {
    std::vector<std::string> all;
    for (const Json& operation : plan["operations"].items())
        all.push_back(operation["service"].text() + " " + operation["action"].text());
    return all;
}

std::vector<long long> pids(const Daemon& daemon) {
    std::vector<long long> all;
    for (const Json& one : daemon.http("GET", "/v1/status").json()["services"].items())
        all.push_back(one["pid"].number());
    return all;
}

TEST(Apply, OfAnUnchangedFileDoesNothing) {
    Daemon daemon(service("a") + service("b"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto before = pids(daemon);
    EXPECT_THAT(operations(daemon.ctl_json({"plan"})), IsEmpty());
    EXPECT_THAT(operations(daemon.ctl_json({"apply"})), IsEmpty());
    daemon.configure("# a comment, and another order\n" + service("b") + service("a"));
    EXPECT_THAT(operations(daemon.ctl_json({"plan"})), IsEmpty());
    EXPECT_EQ(pids(daemon), before);
}

TEST(Apply, OfALiveChangeRestartsNothing) {
    Daemon daemon(service("a", "restart = { delay = \"1s\" }") + service("b"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto before = pids(daemon);
    daemon.configure(service("a",
                             "restart = { delay = \"2s\" }\nstop_timeout = \"3s\"\ndepends_on = [\"b\"]\n"
                             "healthcheck = { exec = \"true\" }") +
                     service("b"));
    EXPECT_THAT(operations(daemon.ctl_json({"apply"})), ElementsAre("a update"));
    EXPECT_THAT(operations(daemon.ctl_json({"plan"})), IsEmpty());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_EQ(pids(daemon), before);
    EXPECT_TRUE(eventually([&] { return daemon.status("a")["health"].text() == "passing"; }));
}

TEST(Apply, RestartsOnlyWhatMustBeAndTellsTheCause) {
    Daemon daemon(service("a") + service("b"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto b_before = daemon.status("b")["pid"].number();
    const auto a_before = daemon.status("a")["pid"].number();
    daemon.configure(service("a", "environment = { MODE = \"new\" }") + service("b"));
    const Json planned = daemon.ctl_json({"plan"});
    EXPECT_THAT(operations(planned), ElementsAre("a restart"));
    EXPECT_THAT(planned["operations"].at(0)["causes"].texts(), ElementsAre(HasSubstr("environment")));
    EXPECT_EQ(daemon.status("a")["pid"].number(), a_before) << "plan must not change anything";

    const Finished dry = daemon.ctl({"apply", "--dry-run"});
    EXPECT_EQ(dry.code(), 0);
    EXPECT_THAT(dry.out, HasSubstr("environment"));
    EXPECT_EQ(daemon.status("a")["pid"].number(), a_before) << "--dry-run must not change anything";

    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("a");
        return now["state"].text() == "ready" && now["pid"].number() != a_before;
    }));
    EXPECT_EQ(daemon.status("a")["restarts"].number(), 1);
    EXPECT_EQ(daemon.status("b")["pid"].number(), b_before);
    EXPECT_THAT(daemon.story("a"), HasSubstr("environment"));
}

TEST(Apply, ReloadsWhereTheProgramsOwnFilesChanged) {
    const std::string with_file =
        service("a", "config_files = \"@DIR@/a.conf\"\nreload = { signal = \"HUP\" }") +
        service("b", "config_files = \"@DIR@/b.conf\"");
    Daemon daemon(with_file, {}, Daemon::Prepared{});
    write_file(daemon.path("a.conf"), "one");
    write_file(daemon.path("b.conf"), "one");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto a_before = daemon.status("a")["pid"].number();
    write_file(daemon.path("a.conf"), "two");
    write_file(daemon.path("b.conf"), "two");
    EXPECT_THAT(operations(daemon.ctl_json({"apply"})), UnorderedElementsAre("a reload", "b restart"));
    EXPECT_TRUE(eventually([&] { return daemon.text("signals-a") == "HUP\n"; }));
    EXPECT_TRUE(eventually([&] { return daemon.status("b")["restarts"].number() == 1; }));
    EXPECT_EQ(daemon.status("a")["pid"].number(), a_before);
}

TEST(Apply, AddsAndRemovesServices) {
    Daemon daemon(service("a") + service("b"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto a_before = daemon.status("a")["pid"].number();
    daemon.configure(service("a") + service("c"));
    EXPECT_THAT(operations(daemon.ctl_json({"apply"})), UnorderedElementsAre("b remove", "c add"));
    ASSERT_TRUE(daemon.reaches("c", "ready"));
    ASSERT_TRUE(eventually([&] { return daemon.http("GET", "/v1/services/b").status == 404; }));
    EXPECT_EQ(daemon.status("a")["pid"].number(), a_before);
    daemon.configure(service("a") + service("b") + service("c"));
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    EXPECT_TRUE(daemon.reaches("b", "ready"));
}

TEST(Apply, ReplacesAServiceThatStops) {
    const std::string slow =
        "[service.a]\ncommand = \"@ACTOR@ lock @DIR@/lock ignore-term notify READY=1\"\nnotify = true\n"
        "stop_timeout = \"500ms\"\n";
    Daemon daemon(slow);
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    daemon.configure("");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    daemon.configure(slow);
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    EXPECT_EQ(daemon.text("lock.double"), "");
}

struct Bad {
    std::string name;
    std::string text;
    std::vector<std::string> told;
};

void PrintTo(const Bad& shown, std::ostream* out) {
    *out << shown.name;
}

class BadConfiguration : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfiguration, IsRejectedAtApplyAndTheRunningOneIsKept) {
    Daemon daemon(service("a") + service("b"));
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto before = pids(daemon);
    daemon.configure(GetParam().text);
    for (const char* command : {"plan", "apply"}) {
        const Finished finished = daemon.ctl({command});
        EXPECT_EQ(finished.code(), 1) << command;
        for (const std::string& word : GetParam().told) EXPECT_THAT(finished.err, HasSubstr(word)) << command;
    }
    daemon.signal(SIGHUP);
    for (const std::string& word : GetParam().told)
        EXPECT_TRUE(eventually([&] { return daemon.log().find(word) != std::string::npos; })) << word;
    EXPECT_EQ(pids(daemon), before);
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "a"}).code(), 0);
    daemon.configure(service("a") + service("b") + service("c"));
    EXPECT_EQ(daemon.ctl({"apply"}).code(), 0);
    EXPECT_TRUE(daemon.reaches("c", "ready"));
}

TEST_P(BadConfiguration, IsRejectedAtStart) {
    Daemon daemon(GetParam().text, {}, Daemon::Prepared{});
    daemon.launch();
    const auto end = daemon.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 78);
    for (const std::string& word : GetParam().told) EXPECT_THAT(daemon.log(), HasSubstr(word));
    EXPECT_NE(::access(daemon.socket().c_str(), F_OK), 0);
}

TEST_P(BadConfiguration, IsRejectedByCheck) {
    Daemon daemon(GetParam().text, {}, Daemon::Prepared{});
    const Finished by_daemon = run({.command = {DPSUP_DPSUPD, "--config", daemon.config_file(), "--check"}});
    const Finished by_ctl = daemon.ctl({"check", daemon.config_file()});
    EXPECT_EQ(by_daemon.code(), 1);
    EXPECT_EQ(by_ctl.code(), 1);
    for (const std::string& word : GetParam().told) {
        EXPECT_THAT(by_daemon.all(), HasSubstr(word));
        EXPECT_THAT(by_ctl.all(), HasSubstr(word));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadConfiguration,
    ::testing::Values(Bad{"Cycle",
                          service("a", "depends_on = [\"b\"]") + service("b", "depends_on = [\"c\"]") +
                              service("c", "depends_on = [\"a\"]"),
                          {"a", "b", "c", "dpsup.toml:"}},
                      Bad{"SelfReference",
                          service("a", "depends_on = [\"a\"]"),
                          {"service.a.depends_on", "itself", "dpsup.toml:"}},
                      Bad{"UnknownReference",
                          service("webapp") + service("b", "depends_on = { webap = \"ready\" }"),
                          {"webap", "webapp", "dpsup.toml:"}},
                      Bad{"UnknownKey",
                          service("a", "enviroment = { A = \"1\" }"),
                          {"enviroment", "environment", "dpsup.toml:"}},
                      Bad{"WrongType", service("a", "stop_timeout = 5"), {"stop_timeout", "dpsup.toml:"}},
                      Bad{"Syntax", "[service.a\ncommand = \"x\"\n", {"dpsup.toml:"}},
                      Bad{"AllErrorsAtOnce",
                          service("a", "enviroment = 1\nrestrat = 2") + service("b", "umask = 99"),
                          {"enviroment", "restrat", "umask"}}),
    [](const auto& one) { return one.param.name; });

TEST(Check, NamesFileLineAndColumn) {
    Daemon daemon("", {}, Daemon::Prepared{});
    write_file(daemon.path("bad.toml"), "[service.a]\ncommand = \"true\"\n  bogus_key = 1\n");
    for (const Finished& finished :
         {run({.command = {DPSUP_DPSUPD, "--check", "--config", daemon.path("bad.toml")}}),
          daemon.ctl({"check", daemon.path("bad.toml")})}) {
        EXPECT_EQ(finished.code(), 1);
        EXPECT_THAT(finished.all(), HasSubstr(daemon.path("bad.toml") + ":3:3: error:"));
    }
}

TEST(Check, AcceptsAGoodFileWithoutADaemon) {
    Daemon daemon(service("a"), {}, Daemon::Prepared{});
    EXPECT_EQ(run({.command = {DPSUP_DPSUPD, "--check", "--config", daemon.config_file()}}).code(), 0);
    EXPECT_EQ(daemon.ctl({"check", daemon.config_file()}).code(), 0);
    EXPECT_EQ(daemon.ctl({"check", daemon.path("missing.toml")}).code(), 1);
}

TEST(ConfD, IsReadAfterTheFileInOrderOfNames) {
    Daemon daemon(service("a"), {}, Daemon::Prepared{});
    ASSERT_EQ(::mkdir(daemon.path("conf.d").c_str(), 0755), 0);
    write_file(daemon.path("conf.d/10-b.toml"), daemon.expand(service("b")));
    write_file(daemon.path("conf.d/ignored.txt"), "this is no TOML");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(daemon.reaches("b", "ready"));
    write_file(daemon.path("conf.d/20-c.toml"), daemon.expand(service("c")));
    EXPECT_THAT(operations(daemon.ctl_json({"apply"})), ElementsAre("c add"));
}

}  // namespace
}  // namespace dpsup::test
