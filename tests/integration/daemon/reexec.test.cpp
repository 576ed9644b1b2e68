// `dpsupctl daemon reexec`: another program in the same process. Nothing that runs is touched, nothing that happens
// meanwhile is lost, and a program that cannot go on changes nothing.
//
// What comes in between is made certain by a program that is no dpsupd at first: a script in its place, which uses
// nothing but what the shell has built in (a fork would have a child that is not ours), and then executes the real one.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* copied_program = "@DIR@/dpsupd";

std::string run_of(const Daemon& daemon) {
    return daemon.http("GET", "/v1/version").json()["run"].text();
}

std::size_t starts_in(const std::string& path) {
    return count_of(read_file(path), "start ");
}

// What the service said, to its end: -1 where the connection was reset.
ssize_t read_rest(int fd, std::string& into) {
    char chunk[4096];
    for (;;) {
        const ssize_t size = ::recv(fd, chunk, sizeof chunk, 0);
        if (size <= 0) return size;
        into.append(chunk, static_cast<std::size_t>(size));
    }
}

int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
}

class Reexec : public ::testing::TestWithParam<bool> {
protected:
    [[nodiscard]] static Options options() { return {.cgroups = GetParam()}; }

    // A daemon whose program the test may replace.
    static std::unique_ptr<Daemon> with_program(const std::string& configuration) {
        Options some = options();
        some.program = copied_program;
        auto daemon = std::make_unique<Daemon>(configuration, some, Daemon::Prepared{});
        put_program(*daemon);
        daemon->launch();
        EXPECT_TRUE(daemon->answers());
        return daemon;
    }
    static void put_program(const Daemon& daemon) {
        const std::string fresh = daemon.path("dpsupd.new");
        std::filesystem::copy_file(DPSUP_DPSUPD, fresh, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::rename(fresh, daemon.path("dpsupd"));
    }
    // `between`: what is done in the daemon's process, in the words of the shell, before the new program runs.
    static void put_script(const Daemon& daemon, const std::string& between) {
        write_file(daemon.path("dpsupd.new"),
                   daemon.expand("#!/bin/sh\nif [ \"$1\" != --check-takeover ]; then\n" + between +
                                 "\nfi\nexec " + std::string(DPSUP_DPSUPD) + " \"$@\"\n"),
                   0755);
        std::filesystem::rename(daemon.path("dpsupd.new"), daemon.path("dpsupd"));
    }
    // In a script: until the process is a zombie.
    static std::string until_dead(long long pid) {
        return "while read -r stat < /proc/" + std::to_string(pid) +
               "/stat; do case $stat in *') Z '*) break;; esac; done";
    }
    static std::string until_there(const std::string& name) {
        return "while [ ! -e @DIR@/" + name + " ]; do :; done";
    }

    static void reexec(const Daemon& daemon) {
        const pid_t pid = daemon.pid();
        const std::string before = run_of(daemon);
        const Finished done = daemon.ctl({"daemon", "reexec"});
        ASSERT_EQ(done.code(), 0) << done.all();
        const Json version = daemon.http("GET", "/v1/version").json();
        ASSERT_NE(version["run"].text(), before);
        ASSERT_EQ(version["pid"].number(), pid);
    }
};

TEST_P(Reexec, LeavesWhatRunsAsItIs) {
    Daemon daemon(R"([service.db]
command = "@ACTOR@ notify READY=1"
notify = true
[service.web]
command = "@ACTOR@"
depends_on = { db = "ready" }
healthcheck = { exec = "true", interval = "100ms" }
[service.off]
command = "@ACTOR@"
[service.crashed]
command = ["@ACTOR@", "wait-for", "@DIR@/crash", "exit", "7"]
restart = { delay = "10ms" }
[service.init]
job = true
command = "@ACTOR@ record @DIR@/jobs init wait-for @DIR@/finish exit 0"
)",
                  options());
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "off"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"kill", "crashed"}).code(), 0);
    ASSERT_TRUE(eventually([&] { return daemon.status("crashed")["restarts"].number() == 1; }));
    ASSERT_TRUE(daemon.reaches("crashed", "ready"));
    std::map<std::string, long long> pids;
    for (const char* name : {"db", "web", "crashed", "init"})
        pids[name] = daemon.status(name)["pid"].number();
    for (int round = 0; round < 3; ++round) {
        reexec(daemon);
        for (const auto& [name, pid] : pids) EXPECT_EQ(daemon.status(name)["pid"].number(), pid) << name;
        EXPECT_EQ(daemon.status("db")["state"].text(), "ready");
        EXPECT_EQ(daemon.status("web")["state"].text(), "ready");
        EXPECT_EQ(daemon.status("off")["state"].text(), "stopped");
        EXPECT_EQ(daemon.status("init")["state"].text(), "starting");
        EXPECT_EQ(daemon.status("crashed")["restarts"].number(), 1);
    }
    // A job that ran goes on and is done; how a service ends is known.
    write_file(daemon.path("finish"), "");
    EXPECT_TRUE(daemon.reaches("init", "done"));
    EXPECT_EQ(starts_in(daemon.path("jobs")), 1U);
    write_file(daemon.path("crash"), "");
    EXPECT_TRUE(eventually([&] {
        return daemon.story("crashed").find("exited with code 7") != std::string::npos;
    })) << daemon.story("crashed");
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_FALSE(std::filesystem::exists(daemon.socket())) << "the socket is its own to remove";
}

TEST_P(Reexec, KnowsHowWhatEndedMeanwhileHasEnded) {
    const auto daemon = with_program(R"([service.a]
command = ["@ACTOR@", "wait-for", "@DIR@/go", "exit", "7"]
restart = { delay = "10ms" }
[service.killed]
command = "@ACTOR@"
restart = { delay = "10ms" }
[service.job]
job = true
command = ["@ACTOR@", "record", "@DIR@/jobs", "job", "wait-for", "@DIR@/go", "exit", "0"]
)");
    ASSERT_TRUE(daemon->until("all run", [](const auto& states) {
        return states.at("a").state == "ready" && states.at("killed").state == "ready" &&
               states.at("job").state == "starting";
    }));
    const auto a = daemon->status("a")["pid"].number();
    const auto killed = daemon->status("killed")["pid"].number();
    const auto job = daemon->status("job")["pid"].number();
    put_script(*daemon, ": > @DIR@/go\n" + until_dead(a) + "\nkill -9 " + std::to_string(killed) + "\n" +
                            until_dead(killed) + "\n" + until_dead(job) + "\n: > @DIR@/was-between");
    reexec(*daemon);
    ASSERT_TRUE(std::filesystem::exists(daemon->path("was-between")));
    EXPECT_TRUE(daemon->reaches("job", "done"));
    EXPECT_TRUE(eventually([&] {
        return daemon->story("a").find("exited with code 7") != std::string::npos;
    })) << daemon->story("a");
    EXPECT_TRUE(eventually([&] {
        return daemon->story("killed").find("killed by SIGKILL") != std::string::npos;
    })) << daemon->story("killed");
    EXPECT_TRUE(eventually([&] { return daemon->status("killed")["restarts"].number() == 1; }));
    EXPECT_EQ(starts_in(daemon->path("jobs")), 1U);
}

TEST_P(Reexec, HearsWhatWasSaidMeanwhile) {
    const auto daemon = with_program(R"([service.a]
command = ["@ACTOR@", "wait-for", "@DIR@/go", "notify", "READY=1", "notify", "STATUS=between", "record", "@DIR@/told", "a"]
notify = true
[service.b]
command = ["@ACTOR@", "notify", "READY=1"]
notify = true
)");
    ASSERT_TRUE(daemon->until("they run", [](const auto& states) {
        return states.at("a").state == "starting" && states.at("b").state == "ready";
    }));
    put_script(*daemon, ": > @DIR@/go\n" + until_there("told"));
    reexec(*daemon);
    EXPECT_TRUE(daemon->reaches("a", "ready"));
    EXPECT_TRUE(eventually([&] { return daemon->explain("a")["status_text"].text() == "between"; }));
}

TEST_P(Reexec, LetsWhoeverAsksMeanwhileWait) {
    const auto daemon = with_program("[service.a]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon->reaches("a", "ready"));
    put_script(*daemon, ": > @DIR@/between\n" + until_there("go"));
    const std::string before = run_of(*daemon);
    ASSERT_EQ(daemon->http("POST", "/v1/daemon/reexec").status, 200);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(daemon->path("between")); }));
    Connection asker(daemon->socket());
    ASSERT_TRUE(asker.connected());
    asker.request("GET", "/v1/version");
    write_file(daemon->path("go"), "");
    const Reply reply = asker.read_reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.json()["run"].text(), before);
}

// Both what comes before the handlers are gone, and before there are new ones.
TEST_P(Reexec, LosesNoSignal) {
    const auto daemon = with_program("[service.a]\ncommand = \"@ACTOR@ record @DIR@/record a\"\n");
    ASSERT_TRUE(daemon->reaches("a", "ready"));
    put_script(*daemon, ": > @DIR@/between\n" + until_there("go"));
    ASSERT_EQ(daemon->http("POST", "/v1/daemon/reexec").status, 200);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(daemon->path("between")); }));
    daemon->signal(SIGHUP);
    daemon->signal(SIGTERM);
    write_file(daemon->path("go"), "");
    const auto end = daemon->wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
    EXPECT_EQ(count_records(daemon->path("record"), "stop", "a"), 1U);
}

TEST_P(Reexec, RepeatsAReloadThatItCutsOff) {
    Daemon daemon(R"([service.a]
command = "@ACTOR@"
reload = { command = ["/bin/sh", "-c", "echo begin >> @DIR@/told; while [ ! -e @DIR@/go ]; do sleep 0.05; done; echo end >> @DIR@/told"] }
)",
                  options());
    ASSERT_TRUE(daemon.reaches("a", "ready"));
    ASSERT_EQ(daemon.ctl({"reload", "a"}).code(), 0);
    ASSERT_TRUE(eventually([&] { return daemon.text("told") == "begin\n"; }));
    reexec(daemon);
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(eventually([&] { return daemon.text("told") == "begin\nbegin\nend\n"; }))
        << daemon.text("told");
}

TEST_P(Reexec, AnswersWhoWaitsBeforeItGoes) {
    Daemon daemon(R"([service.slow]
command = ["@ACTOR@", "record", "@DIR@/record", "slow", "stop-takes", "600"]
)",
                  options());
    ASSERT_TRUE(daemon.reaches("slow", "ready"));
    Connection stream(daemon.socket());
    stream.request("GET", "/v1/events");
    const int held = connect_to(daemon.socket());
    const std::string request = "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(::send(held, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    Child waiting({.command = daemon.ctl_command({"restart", "--wait", "slow"}), .err = daemon.path("said")});
    ASSERT_TRUE(daemon.reaches("slow", "stopping"));
    reexec(daemon);
    const auto end = waiting.wait();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 3);
    EXPECT_THAT(daemon.text("said"), HasSubstr("what was commanded goes on"));
    std::string rest;
    EXPECT_EQ(read_rest(held, rest), 0) << "reset";
    EXPECT_THAT(rest, HasSubstr("\"pid\""));
    ::close(held);
    EXPECT_THAT(stream.read_to_end(), EndsWith("\r\n0\r\n\r\n"));
    EXPECT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "slow") == 2U; }));
    EXPECT_TRUE(daemon.reaches("slow", "ready"));
    EXPECT_EQ(count_records(daemon.path("record"), "stop", "slow"), 1U);
}

TEST_P(Reexec, IsNoEndForWhoFollowsWhatHappens) {
    const auto daemon =
        with_program("[service.a]\ncommand = \"@ACTOR@\"\n[service.b]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon->all_reach({"ready"}));
    const std::string out = daemon->path("followed");
    Child following(
        {.command = daemon->ctl_command({"events", "-f"}), .out = out, .err = daemon->path("said")});
    ASSERT_TRUE(eventually([&] { return read_file(out).find("ready") != std::string::npos; }));
    reexec(*daemon);
    EXPECT_EQ(daemon->ctl({"stop", "--wait", "a"}).code(), 0);
    const auto stops = [&] {
        const std::vector<std::string> lines = lines_of(read_file(out));
        return std::ranges::count_if(lines,
                                     [](const auto& line) { return line.find("-> stopped") != line.npos; });
    };
    EXPECT_TRUE(eventually([&] { return stops() == 1; })) << read_file(out);
    daemon->crash();
    EXPECT_EQ(daemon->ctl({"stop", "--wait", "b"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return stops() == 2; })) << read_file(out);
    EXPECT_TRUE(following.running());
}

// Not one is started twice, nor counted as having failed. The program on disk opens the gate when it is asked, and sees
// the first of those that waited for it start.
TEST_P(Reexec, LaunchesWhatItHadNotLaunchedYet) {
    constexpr int count = 400;
    std::string text =
        "[service.gate]\nnotify = true\ncommand = \"@ACTOR@ wait-for @DIR@/go notify READY=1\"\n";
    for (int i = 0; i < count; ++i)
        text += "[service.s" + std::to_string(i) +
                "]\ndepends_on = { gate = \"ready\" }\ncommand = \"@ACTOR@ lock @DIR@/lock" +
                std::to_string(i) + " record @DIR@/record s" + std::to_string(i) + "\"\n";
    const auto daemon = with_program(text);
    write_file(
        daemon->path("dpsupd.new"),
        daemon->expand(
            "#!/bin/sh\nif [ \"$1\" = --check-takeover ]; then\n: > @DIR@/go\n" + until_there("record") +
            "\nelse\nwhile read -r line; do echo; done < @DIR@/record > @DIR@/launched\nfi\nexec " +
            std::string(DPSUP_DPSUPD) + " \"$@\"\n"),
        0755);
    std::filesystem::rename(daemon->path("dpsupd.new"), daemon->path("dpsupd"));
    reexec(*daemon);
    ASSERT_TRUE(daemon->all_reach({"ready"}));
    EXPECT_TRUE(eventually([&] { return starts_in(daemon->path("record")) >= std::size_t{count}; }));
    EXPECT_EQ(starts_in(daemon->path("record")), std::size_t{count});
    for (const Json& service : daemon->ctl_json({"status"})["services"].items())
        EXPECT_EQ(service["restarts"].number(), 0) << service["name"].text();
    if (daemon->text("launched").size() == static_cast<std::size_t>(count))
        GTEST_SKIP() << "all had been launched before the exec: this machine is too fast for it";
}

TEST_P(Reexec, RefusesAProgramThatCannotGoOn) {
    const auto daemon = with_program("[service.a]\ncommand = \"@ACTOR@\"\nrestart = { delay = \"10ms\" }\n");
    ASSERT_TRUE(daemon->reaches("a", "ready"));
    const std::string run = run_of(*daemon);
    const std::string program = daemon->path("dpsupd");
    const auto refused = [&](const std::string& what, const std::string& reason) {
        const Finished done = daemon->ctl({"daemon", "reexec"});
        EXPECT_EQ(done.code(), 1) << what;
        EXPECT_THAT(done.err, HasSubstr(reason)) << what;
        EXPECT_EQ(run_of(*daemon), run) << what;
    };
    std::filesystem::remove(program);
    refused("nothing there", "cannot be executed");
    write_file(program, "no program at all", 0755);
    refused("garbage", "cannot");
    write_file(program, "#!/bin/sh\nexit 1\n", 0755);
    refused("one that fails", "exited with 1");
    write_file(program, "#!/bin/sh\nexit 0\n", 0755);
    refused("one that means something else", "no dpsupd");
    write_file(program, "#!/bin/sh\nkill -11 $$\n", 0755);
    refused("one that crashes", "killed by");
    EXPECT_EQ(daemon->ctl_json({"daemon", "reexec"})["error"]["code"].text(), "refused");

    // Supervision goes on, and so does everything else.
    const auto pid = daemon->status("a")["pid"].number();
    ::kill(static_cast<pid_t>(pid), SIGKILL);
    EXPECT_TRUE(eventually([&] { return daemon->status("a")["restarts"].number() == 1; }));
    put_program(*daemon);
    reexec(*daemon);
}

// It said that it can, and yet cannot be executed in the moment in which it counts.
TEST_P(Reexec, GoesOnWhereTheExecFails) {
    const auto daemon = with_program(R"([service.a]
command = "@ACTOR@ lock @DIR@/lock"
restart = { delay = "10ms" }
[service.b]
command = "@ACTOR@ notify READY=1"
notify = true
)");
    ASSERT_TRUE(daemon->all_reach({"ready"}));
    const std::string run = run_of(*daemon);
    write_file(
        daemon->path("dpsupd.new"),
        daemon->expand("#!/bin/sh\nrm -f @DIR@/dpsupd\nexec " + std::string(DPSUP_DPSUPD) + " \"$@\"\n"),
        0755);
    std::filesystem::rename(daemon->path("dpsupd.new"), daemon->path("dpsupd"));
    const Finished done = daemon->ctl({"daemon", "reexec"});
    EXPECT_EQ(done.code(), 1);
    EXPECT_THAT(done.err, HasSubstr("No such file"));
    EXPECT_TRUE(eventually([&] { return count_of(daemon->log(), "does not re-execute") == 1; }));
    EXPECT_EQ(run_of(*daemon), run);
    ::kill(static_cast<pid_t>(daemon->status("a")["pid"].number()), SIGKILL);
    EXPECT_TRUE(eventually([&] { return daemon->status("a")["restarts"].number() == 1; }));
    ASSERT_EQ(daemon->ctl({"restart", "--wait", "b"}).code(), 0);
    put_program(*daemon);
    reexec(*daemon);
    EXPECT_EQ(daemon->text("lock.double"), "");
    const auto end = daemon->terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

INSTANTIATE_TEST_SUITE_P(Daemon, Reexec, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
