#include "io/state/run_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "io/state/run_record.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

RunRecord some_record(std::uint64_t generation) {
    RunRecord record;
    core::Snapshot& snapshot = record.snapshot;
    snapshot.state = core::State::stopping;
    snapshot.since = Instant(5s);
    snapshot.reason = "exited with code 3: \"quoted\"\n\xc3\xa9";
    snapshot.generation.value = generation;
    snapshot.restarts = 1ULL << 40U;
    snapshot.attempt = 7;
    snapshot.restart_wanted = true;
    snapshot.restart_cause = "restarted by root (uid 0)";
    snapshot.last_exit = core::Exited{.kind = core::ExitKind::signaled, .code = 9, .core_dumped = true};
    core::RunSnapshot& run = snapshot.run.emplace();
    run.phase = core::RunPhase::asked;
    run.cause = core::EndCause::watchdog;
    run.ended_at = Instant(6s);
    run.kill_at = Instant(7s);
    run.verdicts = ~0ULL;
    run.pid = 4'000'000;
    run.launched_at = Instant(4s);
    record.output_offset = 1ULL << 40U;
    run.exit = core::Exited{.kind = core::ExitKind::exited, .code = 3, .out_of_memory = true};
    record.cgroup_root = "/sys/fs/cgroup/dpsup";
    record.process_start = 123'456'789'012;
    return record;
}

class RunLogTest : public testing::Test {
protected:
    RunLogTest() {
        std::string name = testing::TempDir() + "dpsup-runs-XXXXXX";
        directory_ = mkdtemp(name.data());
        path_ = directory_ + "/runs";
    }
    ~RunLogTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] RunLog open(const std::string& boot = "boot-a") const {
        return RunLog::open(path_, boot).value();
    }
    [[nodiscard]] std::string content() const {
        std::ifstream file(path_, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    void put(const std::string& content) const { std::ofstream(path_, std::ios::binary) << content; }

    std::string directory_;
    std::string path_;
};

TEST_F(RunLogTest, ReadsBackTheLastOfEachName) {
    {
        RunLog log = open();
        EXPECT_TRUE(log.take_found().empty());
        for (std::uint64_t i = 1; i <= 3; ++i) {
            log.set("a", some_record(i));
            log.set("b", some_record(10 * i));
            ASSERT_TRUE(log.flush());
        }
        log.drop("b");
        log.set("plain", {});
        ASSERT_TRUE(log.flush());
    }
    RunLog log = open();
    EXPECT_EQ(log.take_found(), (RunRecords{{"a", some_record(3)}, {"plain", {}}}));
    EXPECT_EQ(log.damaged(), 0U);
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RunLogTest, IsWorthNothingInAnotherBoot) {
    {
        RunLog log = open("boot-a");
        log.set("a", some_record(1));
        ASSERT_TRUE(log.flush());
    }
    EXPECT_TRUE(open("boot-b").take_found().empty());
    EXPECT_TRUE(open("boot-a").take_found().empty()) << "the file was taken over by boot-b";
}

TEST_F(RunLogTest, WithoutABootIdBelievesNothing) {
    {
        RunLog log = open("");
        log.set("a", some_record(1));
        ASSERT_TRUE(log.flush());
    }
    EXPECT_TRUE(open("").take_found().empty());
}

TEST_F(RunLogTest, RefusesANewerVersionAndLeavesItAlone) {
    const std::string newer = "dpsup-runs 2 boot-a something\nelse\n";
    put(newer);
    const auto log = RunLog::open(path_, "boot-a");
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, "state_too_new");
    EXPECT_EQ(content(), newer);
}

// Cut off anywhere, it holds what was recorded up to there, and nothing that was not.
TEST_F(RunLogTest, CutOffAnywhereHoldsWhatCameBefore) {
    {
        RunLog log = open();
        for (std::uint64_t i = 1; i <= 3; ++i) {
            log.set("a", some_record(i));
            ASSERT_TRUE(log.flush());
        }
    }
    const std::string whole = content();
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const std::string part = whole.substr(0, length);
        put(part);
        // A line counts without its newline too: its checksum says that it is whole.
        const auto newlines = static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
        const bool line_whole = length < whole.size() && whole[length] == '\n';
        const std::uint64_t lines = newlines + (line_whole ? 1 : 0);
        const RunRecords found = open().take_found();
        if (lines < 2) {
            EXPECT_TRUE(found.empty()) << length;
            continue;
        }
        ASSERT_EQ(found.size(), 1U) << length;
        EXPECT_EQ(found.at("a"), some_record(lines - 1)) << length;
    }
}

TEST_F(RunLogTest, TakesNoDamagedLineForARecord) {
    {
        RunLog log = open();
        log.set("a", some_record(1));
        log.set("b", some_record(2));
        ASSERT_TRUE(log.flush());
    }
    const std::string whole = content();
    const std::size_t start = whole.find('\n') + 1;
    for (std::size_t i = start; i < whole.size(); ++i) {
        std::string spoiled = whole;
        spoiled[i] = static_cast<char>(spoiled[i] ^ 0x15);
        put(spoiled);
        RunLog log = open();
        const RunRecords found = log.take_found();
        for (const auto& [name, record] : found)
            EXPECT_EQ(record, some_record(name == "a" ? 1 : 2)) << i << ": " << name;
        EXPECT_LT(found.size(), 2U) << i;
        EXPECT_GT(log.damaged(), 0U) << i;
    }
}

TEST_F(RunLogTest, StaysSmall) {
    RunLog log = open();
    for (std::uint64_t i = 1; i <= 20'000; ++i) {
        log.set("a", some_record(i));
        ASSERT_TRUE(log.flush());
        ASSERT_LT(std::filesystem::file_size(path_), 2U << 20U);
    }
    EXPECT_EQ(open().take_found().at("a"), some_record(20'000));
}

// No room for a time: what was set meanwhile is there once there is room again.
TEST_F(RunLogTest, OutlastsAFullDisk) {
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    RunLog log = open();
    log.set("a", some_record(1));
    ASSERT_TRUE(log.flush());
    const std::string good = content();
    const rlimit tight{good.size() - 20, limit.rlim_max};  // a whole new file does not fit either
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (std::uint64_t i = 2; i <= 20'000; ++i) {
        log.set("a", some_record(i));
        EXPECT_FALSE(log.flush());
    }
    EXPECT_EQ(content(), good) << "half a line was left behind";
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(open().take_found().at("a"), some_record(20'000));
    (void)std::signal(SIGXFSZ, before);
}

}  // namespace
}  // namespace dpsup::io
