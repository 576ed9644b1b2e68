// sd_notify in both directions: what services tell us, and what we tell systemd (here a socket of the test).
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

TEST(Notify, ReadyMakesReady) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ notify STATUS=warming wait-for @DIR@/go notify READY=1"
notify = true
)");
    ASSERT_TRUE(daemon.reaches("x", "starting"));
    EXPECT_TRUE(eventually([&] { return daemon.explain("x")["status_text"].text() == "warming"; }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    EXPECT_EQ(daemon.status("x")["reason"].text(), "waits for READY=1 (sd_notify)");
    EXPECT_THAT(daemon.ctl({"start", "x", "--timeout", "100ms"}).err,
                HasSubstr("x is starting (waits for READY=1 (sd_notify))"));
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(Notify, MainPidHandsOver) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ record @DIR@/record parent hand-over record @DIR@/record child notify READY=1"
notify = true
restart = { delay = "10ms" }
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "child") == 1; }));
    int child = 0;
    for (const Record& record : records_of(daemon.path("record")))
        if (record.name == "child") child = record.pid;
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["pid"].number() == child; }));
    // Now the child is the one whose end counts.
    ::kill(child, SIGKILL);
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() == 1; }));
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(Notify, MainPidOfAnotherServiceIsNotBelieved) {
    Daemon daemon("[service.victim]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon.reaches("victim", "ready"));
    const auto victim = daemon.status("victim")["pid"].number();
    daemon.configure(
        "[service.victim]\ncommand = \"@ACTOR@\"\n[service.liar]\ncommand = [\"@ACTOR@\", \"notify\", "
        "\"MAINPID=" +
        std::to_string(victim) + "\", \"notify\", \"READY=1\"]\nnotify = true\n");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(daemon.reaches("liar", "ready"));
    EXPECT_NE(daemon.status("liar")["pid"].number(), victim);
    const std::string warning = "passed over MAINPID=" + std::to_string(victim);
    EXPECT_THAT(daemon.story("liar"), HasSubstr(warning));
    EXPECT_TRUE(eventually([&] { return daemon.log().find(warning) != std::string::npos; }));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "liar"}).code(), 0);
    EXPECT_EQ(daemon.status("victim")["pid"].number(), victim);
    EXPECT_EQ(daemon.status("victim")["state"].text(), "ready");
}

TEST(Notify, ExtendsTheStartTimeout) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ notify EXTEND_TIMEOUT_USEC=120000000 note extended wait-for @DIR@/go notify READY=1"
notify = true
start_timeout = "700ms"
[service.y]
command = "@ACTOR@"
notify = true
start_timeout = "1500ms"
restart = { delay = "1h", max_delay = "1h" }
)");
    // When y, which has twice the time, has failed, x would have failed long ago.
    ASSERT_TRUE(daemon.reaches("y", "backoff"));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(Notify, ReloadingAndReadyAgainKeepsItReady) {
    Daemon daemon(R"([service.x]
command = ["@ACTOR@", "notify", "READY=1", "wait-for", "@DIR@/go", "notify", "RELOADING=1\nMONOTONIC_USEC=1", "notify", "READY=1", "note", "x", "notify", "STATUS=reloaded"]
notify = true
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(eventually([&] { return daemon.explain("x")["status_text"].text() == "reloaded"; }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "ready");
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
    EXPECT_THAT(daemon.story("x"), HasSubstr("reload"));
}

TEST(Watchdog, RestartsWhoFallsSilent) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ pet-watchdog 50 @DIR@/silence notify READY=1"
notify = true
watchdog = "1s"
restart = { delay = "10ms" }
[service.clock]
command = "@ACTOR@"
notify = true
start_timeout = "2s"
restart = { delay = "1h", max_delay = "1h" }
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(daemon.reaches("clock", "backoff"));  // two periods have passed
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
    write_file(daemon.path("silence"), "");
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() >= 1; }));
    EXPECT_THAT(daemon.story("x"), HasSubstr("WATCHDOG"));
}

// Nothing but time tells a daemon that is held up.
void hold_up(const Daemon& daemon, std::chrono::milliseconds time, const std::function<bool()>& meanwhile) {
    const auto until = Clock::now() + time;
    daemon.signal(SIGSTOP);
    EXPECT_TRUE(eventually(meanwhile));
    std::this_thread::sleep_until(until);
    daemon.signal(SIGCONT);
}

// Its pings wait in the socket.
TEST(Stall, IsNoSilenceOfWhoPingedMeanwhile) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ pet-watchdog 200 @DIR@/silence notify READY=1"
notify = true
watchdog = "1s"
[service.clock]
command = "@ACTOR@"
enabled = false
notify = true
start_timeout = "2s"
restart = { delay = "1h", max_delay = "1h" }
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    for (int round = 0; round < 2; ++round)
        hold_up(daemon, std::chrono::milliseconds(1500), [] { return true; });
    (void)daemon.ctl({"start", "clock", "--timeout", "10ms"});
    ASSERT_TRUE(daemon.reaches("clock", "backoff"));  // two periods have passed
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0) << daemon.story("x");
}

TEST(Stall, BlamesNobodyWhoStoppedInTime) {
    Daemon daemon(R"([service.x]
command = ["/bin/sh", "-c", "trap 'while ! test -e @DIR@/go; do sleep 0.01; done; exit 0' TERM; touch @DIR@/set; while :; do sleep 0.01; done"]
stop_timeout = "2s"
)");
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(daemon.path("set")); }));
    const auto pid = std::to_string(static_cast<long>(daemon.status("x")["pid"].number()));
    (void)daemon.ctl({"stop", "x", "--timeout", "10ms"});
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    hold_up(daemon, std::chrono::milliseconds(2500), [&] {
        write_file(daemon.path("go"), "");
        return read_file("/proc/" + pid + "/stat").find(") Z ") != std::string::npos;
    });
    ASSERT_TRUE(daemon.reaches("x", "stopped"));
    EXPECT_EQ(daemon.story("x").find("did not stop in time"), std::string::npos) << daemon.story("x");
}

TEST(Reload, SendsItsSignal) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ note-signals @DIR@/signals notify READY=1"
notify = true
reload = { signal = "USR1" }
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const Finished reloaded = daemon.ctl({"reload", "x"});
    EXPECT_EQ(reloaded.code(), 0) << reloaded.all();
    EXPECT_TRUE(eventually([&] { return daemon.text("signals") == "USR1\n"; }));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

TEST(Reload, RunsItsCommandAndTellsItsFailure) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@"
environment = { WORD = "told" }
reload = { command = ["/bin/sh", "-c", "echo $$WORD >> @DIR@/reloaded; test ! -e @DIR@/fail"] }
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_EQ(daemon.ctl({"reload", "x"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return daemon.text("reloaded") == "told\n"; })) << daemon.text("reloaded");
    write_file(daemon.path("fail"), "");
    (void)daemon.ctl({"reload", "x"});
    EXPECT_TRUE(eventually([&] {
        return daemon.story("x").find("could not be reloaded") != std::string::npos;
    })) << daemon.story("x");
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

// systemd's end of the notification socket.
class Systemd {
public:
    explicit Systemd(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        (void)::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    ~Systemd() { ::close(fd_); }
    Systemd(const Systemd&) = delete;
    Systemd& operator=(const Systemd&) = delete;

    // Whether it has been told a line that begins so, now or within our patience.
    [[nodiscard]] bool heard(const std::string& line) {
        return eventually([&] {
            std::array<char, 4096> text{};
            while (::recv(fd_, text.data(), text.size() - 1, MSG_DONTWAIT) > 0) {
                told_ += "\n" + std::string(text.data());
                text = {};
            }
            return told_.find("\n" + line) != std::string::npos;
        });
    }
    [[nodiscard]] const std::string& told() const { return told_; }

private:
    int fd_;
    std::string told_;
};

TEST(UnderSystemd, ReadinessReloadStopAndWatchdogAreTold) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n",
                  {.environment = {{"NOTIFY_SOCKET", "@DIR@/systemd.sock"}, {"WATCHDOG_USEC", "200000"}}},
                  Daemon::Prepared{});
    Systemd systemd(daemon.path("systemd.sock"));
    daemon.launch();
    EXPECT_TRUE(systemd.heard("READY=1"));
    EXPECT_TRUE(systemd.heard("WATCHDOG=1"));
    EXPECT_TRUE(systemd.heard("STATUS="));
    ASSERT_TRUE(daemon.answers());
    daemon.signal(SIGHUP);
    EXPECT_TRUE(systemd.heard("RELOADING=1")) << systemd.told();
    EXPECT_TRUE(systemd.heard("MONOTONIC_USEC=")) << systemd.told();
    ASSERT_TRUE(daemon.terminate().has_value());
    EXPECT_TRUE(systemd.heard("STOPPING=1")) << systemd.told();
}

TEST(UnderSystemd, NothingIsReloadedAnyMoreWhileItStops) {
    Daemon daemon(
        "[service.x]\ncommand = \"@ACTOR@ ignore-term notify READY=1\"\nnotify = true\nstop_timeout = "
        "\"1h\"\n",
        {.environment = {{"NOTIFY_SOCKET", "@DIR@/systemd.sock"}}}, Daemon::Prepared{});
    Systemd systemd(daemon.path("systemd.sock"));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    daemon.signal(SIGTERM);
    ASSERT_TRUE(daemon.reaches("x", "stopping"));
    EXPECT_TRUE(systemd.heard("STOPPING=1")) << systemd.told();
    daemon.signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return daemon.log().find("SIGHUP") != std::string::npos; }));
    daemon.signal(SIGTERM);
    EXPECT_TRUE(daemon.wait().has_value());
    EXPECT_EQ(count_of(daemon.log(), " error "), 0U);
    EXPECT_TRUE(systemd.heard("STOPPING=1"));
    EXPECT_EQ(systemd.told().find("RELOADING=1"), std::string::npos) << systemd.told();
    EXPECT_EQ(count_of(systemd.told(), "READY=1"), 1U) << systemd.told();
}

TEST(UnderSystemd, TheSocketIsTakenOver) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n", {}, Daemon::Prepared{});
    ASSERT_EQ(::mkdir(daemon.path("run").c_str(), 0755), 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, daemon.socket().c_str(), sizeof address.sun_path - 1);
    const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listening, 16), 0);

    // A request is sent before the daemon exists: it waits in the socket.
    Connection early(daemon.socket());
    early.request("GET", "/v1/version");
    // LISTEN_PID must be the daemon's own.
    const std::string script =
        "LISTEN_FDS=1 LISTEN_PID=$$ exec " DPSUP_DPSUPD " --config " + daemon.config_file();
    Child child({.command = {"/bin/sh", "-c", script}, .err = daemon.path("dpsupd.log"), .before_exec = [&] {
                     return ::dup2(listening, 3) == 3 && daemon.scratch().enter_cgroup();
                 }});
    EXPECT_EQ(early.read_reply().status, 200);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    child.signal(SIGTERM);
    EXPECT_TRUE(child.wait().has_value());
    EXPECT_EQ(::access(daemon.socket().c_str(), F_OK), 0) << "systemd's socket was removed";
    ::close(listening);
}

}  // namespace
}  // namespace dpsup::test
