// Files that a service's configuration names lie on a file system that does not answer: that service alone waits.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "daemon.hpp"
#include "silent_files.hpp"

namespace dpsup::test {
namespace {

constexpr const char* good = "[service.good]\ncommand = \"@ACTOR@\"\nlog.target = \"none\"\n";

::testing::AssertionResult good_is_supervised(const Daemon& daemon) {
    if (auto ready = daemon.reaches("good", "ready"); !ready) return ready;
    const Json before = daemon.status("good");
    ::kill(static_cast<pid_t>(before["pid"].number()), SIGKILL);
    const bool restarted = eventually([&] {
        const Json now = daemon.status("good");
        return now["state"].text() == "ready" && now["restarts"].number() == before["restarts"].number() + 1;
    });
    return restarted ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << "not restarted";
}

struct Hanging {
    std::string name;
    std::string keys;  // of the service x
    bool log = false;  // the daemon's log_dir lies there
};

class HangingFiles : public ::testing::TestWithParam<Hanging> {
protected:
    void SetUp() override {
        if (!silent_.there()) GTEST_SKIP() << no_silent_files;
        options_.before_exec = [this] { return silent_.mount_at(directory_); };
        daemon_ = std::make_unique<Daemon>(
            std::string(good) + "[service.x]\ncommand = \"@ACTOR@\"\n" + GetParam().keys, options_,
            Daemon::Prepared{});
        directory_ = daemon_->path("silent");
        std::filesystem::create_directory(directory_);
        if (GetParam().log) std::filesystem::create_directory_symlink(directory_, daemon_->path("log"));
        daemon_->launch();
        ASSERT_TRUE(daemon_->answers());
    }

    [[nodiscard]] ::testing::AssertionResult good_is_supervised() const {
        return dpsup::test::good_is_supervised(*daemon_);
    }

    SilentServers silent_{2};
    std::string directory_;
    Options options_;
    std::unique_ptr<Daemon> daemon_;
};

TEST_P(HangingFiles, HoldUpTheirServiceOnly) {
    EXPECT_TRUE(good_is_supervised());
    EXPECT_EQ(daemon_->ctl({"stop", "--wait", "x"}).code(), 0);
    EXPECT_EQ(daemon_->status("x")["state"].text(), "stopped");
    EXPECT_EQ(daemon_->ctl({"start", "x"}).code(), 0);
    EXPECT_TRUE(good_is_supervised());
    EXPECT_EQ(daemon_->ctl({"stop", "--wait", "x"}).code(), 0) << "for the second time";
    EXPECT_EQ(daemon_->ctl({"start", "x"}).code(), 0);
    const auto end = daemon_->terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

TEST_P(HangingFiles, DoNotKeepTheNextDaemonFromSupervising) {
    ASSERT_TRUE(daemon_->reaches("good", "ready"));
    daemon_->crash();
    EXPECT_TRUE(good_is_supervised());
    EXPECT_EQ(daemon_->ctl({"stop", "--wait", "x"}).code(), 0);
}

bool own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0;
}

// Its exec probe needs the secret again, which is read anew each time.
TEST(HangingSecret, HoldsUpTheProbesOfItsServiceOnly) {
    const SilentServers silent(1);
    if (!silent.there()) GTEST_SKIP() << no_silent_files;
    Options options;
    options.before_exec = own_mounts;
    Daemon daemon(std::string(good) + R"([service.x]
command = "@ACTOR@"
environment = { X = { file = "@DIR@/later/secret" } }
healthcheck = { exec = "true", interval = "100ms", timeout = "300ms" }
)",
                  options, Daemon::Prepared{});
    std::filesystem::create_directory(daemon.path("later"));
    write_file(daemon.path("later/secret"), "s");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(silent.mount_for(daemon.pid(), daemon.path("later")));
    ASSERT_TRUE(eventually([&] { return daemon.log().find("launching x/dpsup-run.") != std::string::npos; }))
        << "nobody is told that a probe hangs";
    EXPECT_TRUE(good_is_supervised(daemon));
    EXPECT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0) << "a probe that hangs keeps it";
    EXPECT_EQ(daemon.status("x")["state"].text(), "stopped");
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

bool waits_for_silence(pid_t pid, const std::string& in = "fuse") {
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    return std::ranges::any_of(std::filesystem::directory_iterator(tasks), [&](const auto& thread) {
        return read_file(thread.path() / "wchan").find(in) != std::string::npos;
    });
}

// Its size is looked at from time to time, as long as somebody writes to it.
TEST(HangingLog, HoldsUpNobodyWhenItGoesSilent) {
    const SilentServers silent(1);
    if (!silent.there()) GTEST_SKIP() << no_silent_files;
    Options options;
    options.before_exec = own_mounts;
    Daemon daemon(std::string(good) + R"([service.x]
command = ["sh", "-c", "while sleep 0.02; do echo line; done"]
log.target = "file"
)",
                  options, Daemon::Prepared{});
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(eventually([&] { return !read_file(daemon.path("log/x.log")).empty(); }));
    ASSERT_TRUE(silent.mount_for(daemon.pid(), daemon.path("log")));
    ASSERT_TRUE(eventually([&] { return waits_for_silence(daemon.pid()); }));
    EXPECT_TRUE(good_is_supervised(daemon));
    EXPECT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

TEST_P(HangingFiles, DoNotKeepItFromReexecuting) {
    ASSERT_TRUE(daemon_->reaches("good", "ready"));
    EXPECT_EQ(daemon_->ctl({"daemon", "reexec"}).code(), 0);
    EXPECT_TRUE(good_is_supervised());
    EXPECT_EQ(daemon_->ctl({"stop", "--wait", "x"}).code(), 0);
}

// What could not be read then counts as unchanged, also for the dpsupd that comes after.
TEST(HangingEnvFile, OfAnApplyRestartsNobodyInATakeover) {
    const SilentServers silent(1);
    if (!silent.there()) GTEST_SKIP() << no_silent_files;
    const std::string config = std::string(good) +
                               "[service.x]\ncommand = \"@ACTOR@\"\nlog.target = \"none\"\n"
                               "env_file = [\"@DIR@/later/env\"]\n";
    Options options;
    options.before_exec = own_mounts;
    Daemon daemon(config, options, Daemon::Prepared{});
    std::filesystem::create_directory(daemon.path("later"));
    write_file(daemon.path("later/env"), "A=1\n");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto pid = daemon.status("x")["pid"].number();
    ASSERT_TRUE(silent.mount_for(daemon.pid(), daemon.path("later")));
    daemon.configure(config + "[service.new]\ncommand = \"@ACTOR@\"\nlog.target = \"none\"\n");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    daemon.crash();
    ASSERT_TRUE(daemon.reaches("new", "ready"));
    EXPECT_EQ(daemon.status("x")["pid"].number(), pid);
    EXPECT_EQ(daemon.ctl_json({"plan"})["operations"].size(), 0U);
}

// An exec waits for all other threads to die.
TEST(HangingServer, ThatHasTakenTheRequestInKeepsDpsupdAsItIs) {
    auto silent = std::make_unique<SilentServers>(1);
    if (!silent->there()) GTEST_SKIP() << no_silent_files;
    silent->take_requests_in();
    std::string directory;
    Options options;
    options.before_exec = [&] { return silent->mount_at(directory); };
    Daemon daemon(
        std::string(good) + "[service.x]\ncommand = \"@ACTOR@\"\nenv_file = [\"@DIR@/silent/env\"]\n",
        options, Daemon::Prepared{});
    directory = daemon.path("silent");
    std::filesystem::create_directory(directory);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("good", "ready"));
    ASSERT_TRUE(eventually([&] { return waits_for_silence(daemon.pid(), "request_wait_answer"); }));
    const Finished kept = daemon.ctl({"daemon", "reexec"});
    EXPECT_EQ(kept.code(), 1);
    EXPECT_THAT(kept.err, ::testing::HasSubstr("a file system that does not answer"));
    EXPECT_TRUE(good_is_supervised(daemon));
    silent.reset();
    EXPECT_TRUE(eventually([&] { return daemon.ctl({"daemon", "reexec"}).code() == 0; }));
    EXPECT_TRUE(good_is_supervised(daemon));
}

INSTANTIATE_TEST_SUITE_P(
    Of, HangingFiles,
    ::testing::Values(
        Hanging{"ASecret", "environment = { X = { file = \"@DIR@/silent/secret\" } }\n"},
        Hanging{"AnEnvFile", "env_file = [\"@DIR@/silent/env\"]\n"},
        Hanging{"AListeningSocket", "sockets = [\"unix://@DIR@/silent/s\"]\n"},
        Hanging{"AUnixProbe",
                "healthcheck = { unix = \"@DIR@/silent/s\", interval = \"100ms\", timeout = \"200ms\" }\n"},
        Hanging{"ACaFile",
                "healthcheck = { http = \"https://127.0.0.1:1/\", ca_file = \"@DIR@/silent/ca\", interval = "
                "\"100ms\", timeout = \"200ms\" }\n"},
        Hanging{"APostgresSocket",
                "healthcheck = { postgres = \"host=@DIR@/silent\", interval = \"100ms\", timeout "
                "= \"200ms\" }\n"},
        Hanging{"APassfile",
                "healthcheck = { postgres = \"host=127.0.0.1 port=1 passfile=@DIR@/silent/pass\", interval "
                "= \"100ms\", timeout = \"200ms\" }\n"},
        Hanging{"ALog", "log.target = \"file\"\nhealthcheck = { log = \"x\" }\n", true}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace dpsup::test
