// The harness keeps its own promises: runs do not meet, and what a killed run left behind goes with the next.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

constexpr const char* one =
    "[service.x]\ncommand = \"@ACTOR@ lock @DIR@/lock deaf-orphan notify READY=1\"\nnotify = true\n";

// In a process of its own, as another run of this very test: starts a daemon, tells its directory, and is killed. The
// daemon gets no chance to clean up: it is stopped (SIGSTOP) before.
std::string leave_a_killed_run(const std::string& note) {
    const pid_t other = ::fork();
    if (other == 0) {
        Daemon daemon(one);
        if (!daemon.reaches("x", "ready")) ::_exit(1);
        daemon.signal(SIGSTOP);
        write_file(note + ".new", daemon.path(""));
        std::filesystem::rename(note + ".new", note);
        while (true) ::pause();
    }
    EXPECT_TRUE(eventually([&] { return !read_file(note).empty(); }));
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    return read_file(note);
}

TEST(Harness, RemovesWhatAKilledRunOfTheSameTestLeft) {
    const std::string note = "/tmp/dpsup-test-note-" + std::to_string(::getpid());
    const std::string left = leave_a_killed_run(note);
    std::filesystem::remove(note);
    ASSERT_TRUE(std::filesystem::exists(left)) << left;
    const std::string cgroup = read_file(left + "cgroup");
    const Daemon daemon(one);
    EXPECT_FALSE(std::filesystem::exists(left));
    EXPECT_TRUE(cgroup.empty() || !std::filesystem::exists(cgroup)) << cgroup;
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(Harness, LetsTwoDaemonsRunSideBySide) {
    const Daemon first(one);
    const Daemon second(one);
    EXPECT_TRUE(first.reaches("x", "ready"));
    EXPECT_TRUE(second.reaches("x", "ready"));
    EXPECT_NE(first.path(""), second.path(""));
    EXPECT_EQ(first.status("x")["restarts"].number() + second.status("x")["restarts"].number(), 0);
}

}  // namespace
}  // namespace dpsup::test
