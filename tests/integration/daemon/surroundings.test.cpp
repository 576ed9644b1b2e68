// What dpsupd finds when it is started: limits, signals, umask and descriptors of whoever starts it.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* one = "[service.x]\ncommand = \"@ACTOR@\"\n";

// The limit of processes binds no root.
bool be_somebody_with_processes(rlim_t count) {
    constexpr uid_t somebody = 65432;
    if (::geteuid() == 0 &&
        (::setresgid(somebody, somebody, somebody) != 0 || ::setresuid(somebody, somebody, somebody) != 0))
        return false;
    const rlimit limit{count, count};
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

TEST(Surroundings, WithoutThreadsForItTheStartFailsWithAMessage) {
    std::size_t failed = 0;
    for (rlim_t count = 0; count < 20; ++count) {
        Options options;
        options.before_exec = [count] { return be_somebody_with_processes(count); };
        Daemon daemon(one, options, Daemon::Prepared{});
        ::chmod(daemon.scratch().path().c_str(), 0777);
        ::chmod(daemon.path("dpsupd.log").c_str(), 0666);
        daemon.launch();
        if (daemon.answers()) break;
        const auto end = daemon.wait();
        ASSERT_TRUE(end);
        ASSERT_EQ(end->code, 1) << count << " signal " << end->signal << "\n" << daemon.log();
        EXPECT_THAT(daemon.log(), HasSubstr("cannot start"));
        ++failed;
    }
    EXPECT_GE(failed, 3U);
}

// "4711 4712": those that take one of the signals that the loop waits for.
std::string threads_that_take_signals(const std::string& tasks) {
    constexpr std::uint64_t ours =
        (1U << (SIGTERM - 1)) | (1U << (SIGINT - 1)) | (1U << (SIGHUP - 1)) | (1U << (SIGCHLD - 1));
    std::string found;
    for (const auto& thread : std::filesystem::directory_iterator(tasks)) {
        const std::string status = read_file(thread.path() / "status");
        const auto at = status.find("SigBlk:");
        if (at == std::string::npos || (std::stoull(status.substr(at + 7), nullptr, 16) & ours) == ours)
            continue;
        found += (found.empty() ? "" : " ") + thread.path().filename().string();
    }
    return found;
}

TEST(Surroundings, OnlyTheThreadOfTheLoopTakesSignals) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@"
log.target = "file"
healthcheck = { tcp = "localhost:1", interval = "100ms", timeout = "200ms" }
)");
    ASSERT_TRUE(daemon.answers());
    const std::string loop = std::to_string(daemon.pid());
    const std::string tasks = "/proc/" + loop + "/task";
    ASSERT_TRUE(eventually([&] {
        return std::distance(std::filesystem::directory_iterator(tasks),
                             std::filesystem::directory_iterator{}) > 2;
    })) << "it has no threads to look at";
    EXPECT_TRUE(eventually([&] { return threads_that_take_signals(tasks) == loop; }))
        << threads_that_take_signals(tasks);
}

TEST(Surroundings, SignalsThatWereBlockedOrIgnoredAreHeard) {
    Options options;
    options.before_exec = [] {
        sigset_t all;
        sigfillset(&all);
        std::signal(SIGCHLD, SIG_IGN);
        std::signal(SIGTERM, SIG_IGN);
        return ::sigprocmask(SIG_SETMASK, &all, nullptr) == 0;
    };
    Daemon daemon(std::string(one) + "[service.j]\njob = true\ncommand = \"true\"\n", options);
    EXPECT_TRUE(daemon.reaches("j", "done"));
    EXPECT_TRUE(daemon.terminate().has_value());
}

std::string signals_of(pid_t pid, const std::string& field) {
    for (const std::string& line : lines_of(read_file("/proc/" + std::to_string(pid) + "/status")))
        if (line.starts_with(field)) return line.substr(field.size());
    return {};
}

TEST(Surroundings, ALimitOfFileSizesEndsNothing) {
    Options options;
    options.before_exec = [] {
        const rlimit none{0, RLIM_INFINITY};
        return ::setrlimit(RLIMIT_FSIZE, &none) == 0;
    };
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\nlog.target = \"none\"\n", options);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.log(), "");
    const auto pid = static_cast<pid_t>(daemon.status("x")["pid"].number());
    EXPECT_EQ(signals_of(pid, "SigIgn:\t"), "0000000000000000");
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

unsigned mode_of(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

TEST(Surroundings, TheUmaskChangesNoDirectory) {
    Options options;
    options.before_exec = [] {
        ::umask(0077);
        return true;
    };
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@ notify READY=1\"\nnotify = true\nlog.target = \"file\"\n",
                  options);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(mode_of(daemon.path("run")), 0755U);
    EXPECT_EQ(mode_of(daemon.path("run/notify")), 0711U);
    EXPECT_EQ(mode_of(daemon.path("log")), 0755U);
    EXPECT_EQ(mode_of(daemon.path("state")), 0700U);
}

TEST(Surroundings, ClosedDescriptorsAreNotTakenForTheLog) {
    Options options;
    options.before_exec = [] { return ::close(0) == 0 && ::close(1) == 0 && ::close(2) == 0; };
    Daemon daemon(one, options);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
    EXPECT_EQ(daemon.text("state/lock"), std::to_string(daemon.pid()));
    for (const char* fd : {"0", "1", "2"})
        EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(daemon.pid()) + "/fd/" + fd),
                  "/dev/null");
}

}  // namespace
}  // namespace dpsup::test
