// The run log in a bad place: where the disk is really full, or something else lies there.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "io/state/run_log.hpp"

namespace dpsup::io {
namespace {

RunRecord some_record(std::uint64_t generation) {
    RunRecord record;
    record.snapshot.state = core::State::ready;
    record.snapshot.reason = "launched: restarted by root";
    record.snapshot.generation.value = generation;
    record.snapshot.run.emplace().pid = 4'000'000;
    record.process_start = 123'456'789'012;
    record.definition = "0123456789abcdef";
    return record;
}

// On a file system of its own, which only the child process sees, and which is full of something else.
int with_a_full_disk(const std::string& directory, const std::function<bool()>& before,
                     const std::function<bool()>& full) {
    constexpr int cannot = 77;
    const pid_t child = ::fork();
    if (child == 0) {
        const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                             ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             ::mount("none", directory.c_str(), "tmpfs", 0, "size=512k") == 0;
        if (!mounted) ::_exit(cannot);
        if (!before()) ::_exit(2);
        std::ofstream(directory + "/filler") << std::string(1U << 20U, 'x');
        ::_exit(full() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Each restart on a full disk is on record, also by those that take over there; else every later one would kill and
// launch anew what has another process than the record says.
TEST(FullRunLog, HasRoomOfItsOwn) {
    std::string directory = testing::TempDir() + "dpsup-runs-XXXXXX";
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const auto open = [&] { return RunLog::open(directory + "/runs", "boot").value(); };
    const auto before = [&] {
        RunLog log = open();
        log.set("a", some_record(1));
        log.set("b", some_record(1));
        log.set("gone", some_record(1));
        return log.flush().has_value();
    };
    const auto full = [&] {
        for (std::uint64_t daemon = 1; daemon <= 4; ++daemon) {
            RunLog log = open();
            log.drop("gone");
            for (std::uint64_t i = 1; i <= 10; ++i) {
                log.set("a", some_record(100 * daemon + i));
                if (!log.flush()) return false;
            }
        }
        const RunRecords expected{{"a", some_record(410)}, {"b", some_record(1)}};
        return open().take_found() == expected;
    };
    const int ended = with_a_full_disk(directory, before, full);
    std::filesystem::remove_all(directory);
    if (ended == 77) GTEST_SKIP() << "no file system can be mounted here";
    EXPECT_EQ(ended, 0);
}

TEST(MisplacedRunLog, IsHeldUpByNoFifo) {
    std::string directory = testing::TempDir() + "dpsup-runs-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    const std::string path = directory + "/runs";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto log = RunLog::open(path, "boot-a");
    ASSERT_TRUE(log);
    EXPECT_TRUE(log->take_found().empty());
    log->set("a", some_record(1));
    EXPECT_TRUE(log->flush());
    EXPECT_EQ(RunLog::open(path, "boot-a").value().take_found().size(), 1U);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace dpsup::io
