// The daemon dies by SIGKILL, and another one takes its services over: nothing that ran is touched or started twice.
#include <gmock/gmock.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "daemon.hpp"
#include "silent_files.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

long starts_in(const std::string& path) {
    const std::vector<Record> records = records_of(path);
    return std::ranges::count(records, "start", &Record::event);
}

class Takeover : public ::testing::TestWithParam<bool> {
protected:
    [[nodiscard]] static Options options() { return {.cgroups = GetParam()}; }
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
    daemon.crash();
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

std::size_t children_of(pid_t pid) {
    std::size_t count = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        std::istringstream children(read_file(thread.path() / "children"));
        for (pid_t child = 0; children >> child;) ++count;
    }
    return count;
}

// It was born with copies of all that dpsupd holds, and is no service that runs.
TEST_P(Takeover, IsNotLockedOutByAChildThatHangsBeforeItsExec) {
    const SilentServers silent(2);
    if (!silent.there()) GTEST_SKIP() << no_silent_files;
    Options options = Takeover::options();
    std::string directory;
    options.before_exec = [&] { return silent.mount_at(directory); };
    Daemon daemon(R"([service.a]
command = "@ACTOR@"
[service.hangs]
command = "@ACTOR@"
working_dir = "@DIR@/silent/below"
depends_on = ["a"]
restart = { delay = "1h", max_delay = "1h" }
[service.needs-it]
command = "@ACTOR@ record @DIR@/needs it"
depends_on = { hangs = "started" }
)",
                  options, Daemon::Prepared{});
    directory = daemon.path("silent");
    std::filesystem::create_directory(directory);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    ASSERT_TRUE(eventually([&] { return children_of(daemon.pid()) == 2; }));
    daemon.crash();
    EXPECT_TRUE(daemon.reaches("a", "ready"));
    EXPECT_TRUE(daemon.reaches("hangs", "backoff"));
    EXPECT_EQ(daemon.status("needs-it")["state"].text(), "waiting");
    EXPECT_EQ(starts_in(daemon.path("needs")), 0);
}

TEST_P(Takeover, HearsWhatItIsNotified) {
    Daemon daemon(R"([service.a]
command = ["@ACTOR@", "notify", "READY=1", "wait-for", "@DIR@/go", "notify", "STATUS=still here"]
notify = true
)",
                  options());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    daemon.crash();
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
    daemon.crash();
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

// A process of ours with exactly that number, which must be free. -1: the kernel does not let us choose.
pid_t fork_as(pid_t pid) {
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = reinterpret_cast<std::uint64_t>(&pid);
    arguments.set_tid_size = 1;
    const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (child != 0) return child;
    for (;;) ::pause();
}

// Field 22 of its stat. The kernel counts start times in hundredths of a second.
std::string start_of(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number) fields >> field;
    return field;
}

// As fork_as(), and born at another time than `start`.
pid_t fork_later_as(pid_t pid, const std::string& start) {
    while (true) {
        const pid_t child = fork_as(pid);
        if (child < 0 || start_of(child) != start) return child;
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
}

// The service died while no daemon looked, and its number is a stranger's by now.
TEST_P(Takeover, LeavesAStrangerAloneThatHasTheServicesNumber) {
    for (const char* leftovers : {"kill", "adopt"}) {
        Daemon daemon("[service.a]\ncommand = \"@ACTOR@ lock @DIR@/a\"\nleftovers = \"" +
                          std::string(leftovers) + "\"\n",
                      options());
        ASSERT_TRUE(daemon.reaches("a", "ready"));
        const auto pid = static_cast<pid_t>(daemon.status("a")["pid"].number());
        const std::string start = start_of(pid);
        daemon.signal(SIGKILL);
        ASSERT_TRUE(daemon.wait().has_value());
        ::kill(pid, SIGKILL);
        ASSERT_EQ(::waitpid(pid, nullptr, 0), pid) << "orphans come to us";
        const pid_t stranger = fork_later_as(pid, start);
        if (stranger < 0) GTEST_SKIP() << "cannot choose a process's number: " << std::strerror(errno);
        ASSERT_EQ(stranger, pid);
        daemon.launch();
        ASSERT_TRUE(daemon.answers());
        EXPECT_TRUE(eventually([&] {
            const Json now = daemon.status("a");
            return now["state"].text() == "ready" && now["pid"].number() != pid;
        })) << daemon.story("a");
        ASSERT_EQ(daemon.ctl({"stop", "--wait", "a"}).code(), 0);
        EXPECT_TRUE(runs(stranger));
        ::kill(stranger, SIGKILL);
        ::waitpid(stranger, nullptr, 0);
    }
}

// Its record is lost: it is killed and launched anew, or goes on as it is, as the service says.
TEST_P(Takeover, DoesWithLeftoversWhatTheServiceSays) {
    Daemon daemon(R"([service.a]
command = "@ACTOR@ lock @DIR@/a"
[service.b]
command = "@ACTOR@ lock @DIR@/b"
leftovers = "adopt"
)",
                  options());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const auto a = daemon.status("a")["pid"].number();
    const auto b = daemon.status("b")["pid"].number();
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ASSERT_EQ(::unlink(daemon.path("run/runs").c_str()), 0);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_NE(daemon.status("a")["pid"].number(), a);
    EXPECT_FALSE(runs(static_cast<pid_t>(a)));
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);
    EXPECT_THAT(daemon.log(), HasSubstr("killed " + std::to_string(a) + " ("));
    EXPECT_THAT(daemon.story("b"), HasSubstr("an earlier dpsupd left process " + std::to_string(b) + " ("));
    EXPECT_EQ(daemon.text("a.double") + daemon.text("b.double"), "");

    // It is on record from now on, and supervised.
    daemon.crash();
    EXPECT_EQ(daemon.status("b")["pid"].number(), b);
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "b"}).code(), 0);
    EXPECT_NE(daemon.status("b")["pid"].number(), b);
    EXPECT_EQ(daemon.status("b")["restarts"].number(), 1);
}

INSTANTIATE_TEST_SUITE_P(Daemon, Takeover, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
