#include "io/state/run_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <vector>

#include "io/state/record_file.hpp"
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
    run.start_deadline = Instant(8s);
    run.ended_at = Instant(6s);
    run.kill_at = Instant(7s);
    run.verdicts = ~0ULL;
    run.pid = 4'000'000;
    run.launched_at = Instant(4s);
    record.output_offset = 1ULL << 40U;
    run.exit = core::Exited{.kind = core::ExitKind::exited, .code = 3, .out_of_memory = true};
    record.cgroup_root = "/sys/fs/cgroup/dpsup";
    record.process_start = 123'456'789'012;
    record.stop_signal = 2;
    record.stop_timeout = 3min;
    record.depends_on = {"a", "b \"quoted\""};
    record.queued = true;
    record.definition = "0123456789abcdef";
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

TEST_F(RunLogTest, TellsBeforehandWhetherItWouldBeUnderstood) {
    EXPECT_TRUE(RunLog::check(path_, "boot-a")) << "nothing is there";
    {
        RunLog log = open();
        log.set("a", some_record(1));
        log.set("b", some_record(2));
        ASSERT_TRUE(log.flush());
    }
    const std::string good = content();
    EXPECT_TRUE(RunLog::check(path_, "boot-a"));
    put(good + good.substr(good.size() - 30, 20));
    EXPECT_TRUE(RunLog::check(path_, "boot-a")) << "its last line is being written";
    const std::size_t second = good.find('\n') + 1;
    put(good.substr(0, second) + "x" + good.substr(second));
    EXPECT_FALSE(RunLog::check(path_, "boot-a"));
    const std::string before = content();
    EXPECT_FALSE(RunLog::check(path_, "boot-a"));
    EXPECT_EQ(content(), before) << "it only looks";
}

// As the first records of this version were.
TEST_F(RunLogTest, ReadsRecordsWithoutTheFieldsThatCameLater) {
    const std::string old = checked_line(
        R"({"name":"a","record":{"state":3,"since":5,"reason":"runs","generation":4,"restarts":1,)"
        R"("attempt":0,"retry_at":9,"restart_wanted":false,"restart_cause":"",)"
        R"("restart_when_back":false,"process_start":77,"cgroup_root":"/x","run":{"phase":1,)"
        R"("cause":0,"end_reason":"","pid":12,"launched_at":5,"ended_at":9,"kill_at":9,)"
        R"("was_ready":true,"notified":false,"verdicts":0}}})");
    const std::optional<NamedRun> run = decode_run(old.substr(0, old.size() - 1));
    ASSERT_TRUE(run && run->record);
    EXPECT_EQ(run->record->process_start, 77U);
    EXPECT_EQ(run->record->snapshot.run->start_deadline, instant_never);
    EXPECT_FALSE(run->record->queued);
    EXPECT_EQ(run->record->definition, "");
    EXPECT_EQ(run->record->stop_timeout, 10s);
}

// A reason may quote what a service said.
TEST_F(RunLogTest, HoldsAnyBytes) {
    RunRecord record = some_record(1);
    record.snapshot.reason = "answered \xd0, cut within a character, and \xff";
    {
        RunLog log = open();
        log.set("a", record);
        ASSERT_TRUE(log.flush());
    }
    EXPECT_EQ(open().take_found(), (RunRecords{{"a", record}}));
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

// As dpsup 0.1.0 wrote it. A later one may write otherwise, but it reads this: it takes over from the former.
TEST_F(RunLogTest, IsReadAsTheFirstVersionWroteIt) {
    put(R"x(dpsup-runs 1 boot-a)x"
        "\n"
        R"x(b5a87a68 {"name":"a","record":{"state":5,"since":5000000000,"reason":"exited wit)x"
        R"x(h code 3: \"quoted\"\n)x"
        "\xc3\xa9"
        R"x(","generation":1,"restarts":1099511627776,"attempt":7,"retry_at":922337203685477)x"
        R"x(5807,"restart_wanted":true,"restart_cause":"restarted by root (uid 0)","restart_)x"
        R"x(when_back":false,"process_start":123456789012,"cgroup_root":"/sys/fs/cgroup/dpsu)x"
        R"x(p","last_exit":{"kind":1,"code":9,"core":true,"oom":false},"run":{"phase":2,"cau)x"
        R"x(se":9,"end_reason":"","pid":4000000,"launched_at":4000000000,"ended_at":60000000)x"
        R"x(00,"kill_at":7000000000,"was_ready":false,"notified":false,"verdicts":1844674407)x"
        R"x(3709551615,"exit":{"kind":0,"code":3,"core":false,"oom":true}}}})x"
        "\n"
        R"x(165fa747 {"name":"b","record":{"state":0,"since":0,"reason":"","generation":0,"r)x"
        R"x(estarts":0,"attempt":0,"retry_at":9223372036854775807,"restart_wanted":false,"re)x"
        R"x(start_cause":"","restart_when_back":false,"process_start":0,"cgroup_root":""}})x"
        "\n");
    RunLog log = open();
    EXPECT_EQ(log.damaged(), 0U);
    RunRecord first;  // what came later is as it is by default
    first.snapshot = some_record(1).snapshot;
    first.snapshot.run->start_deadline = instant_never;
    first.process_start = some_record(1).process_start;
    first.cgroup_root = some_record(1).cgroup_root;
    EXPECT_EQ(log.take_found(), (RunRecords{{"a", first}, {"b", RunRecord{}}}));
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

std::string garbage(std::mt19937& random, std::size_t most) {
    std::string text(random() % most, '\0');
    for (char& byte : text) byte = random() % 20 == 0 ? '\n' : static_cast<char>(random());
    return text;
}

// Overwritten, cut, stuffed and shuffled at random: it holds only what was recorded at some time, and can be gone on with.
TEST_F(RunLogTest, TakesNoGarbageForARecord) {
    {
        RunLog log = open();
        for (std::uint64_t i = 1; i <= 4; ++i) {
            log.set("a", some_record(i));
            log.set("b", some_record(10 + i));
            ASSERT_TRUE(log.flush());
        }
    }
    const std::string whole = content();
    std::size_t kept = 0;
    for (unsigned seed = 1; seed <= 400; ++seed) {
        std::mt19937 random(seed);
        std::string spoiled = random() % 20 == 0 ? garbage(random, 5000) : whole;
        for (auto times = random() % 4; times > 0 && !spoiled.empty(); --times) {
            const std::size_t at = random() % spoiled.size();
            if (const auto digit = spoiled.find_first_of("0123456789", at); random() % 2 == 0) {
                if (digit != std::string::npos) spoiled[digit] = static_cast<char>('0' + random() % 10);
                continue;
            }
            const std::size_t length = random() % 300;
            const std::string piece = random() % 2 == 0 ? garbage(random, 300) : whole.substr(at / 2, length);
            spoiled.replace(at, random() % 2 == 0 ? piece.size() : length, piece);
        }
        put(spoiled);
        {
            auto opened = RunLog::open(path_, "boot-a");
            if (!opened) {  // its first line looks like a newer dpsup's
                ASSERT_EQ(opened.error().code, "state_too_new") << "seed " << seed;
                ASSERT_EQ(content(), spoiled) << "seed " << seed;
                continue;
            }
            RunLog& log = *opened;
            for (const auto& [name, record] : log.take_found()) {
                const std::uint64_t generation = record.snapshot.generation.value;
                ASSERT_EQ(record, some_record(generation)) << "seed " << seed;
                const std::uint64_t first = name == "a" ? 1 : 11;
                ASSERT_TRUE(name == "a" || name == "b") << "seed " << seed;
                ASSERT_TRUE(generation >= first && generation < first + 4) << "seed " << seed << ": " << name;
                ++kept;
            }
            log.set("new", some_record(99));
            ASSERT_TRUE(log.flush()) << "seed " << seed;
        }
        ASSERT_EQ(open().take_found().at("new"), some_record(99)) << "seed " << seed;
    }
    EXPECT_GT(kept, 200U) << "nothing was left that could have been wrong";
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

// A file can be no larger than this, as on a disk that is nearly full.
class NoRoom {
public:
    explicit NoRoom(std::size_t bytes) : signals_(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit tight{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &tight);
    }
    ~NoRoom() {
        setrlimit(RLIMIT_FSIZE, &before_);
        (void)std::signal(SIGXFSZ, signals_);
    }
    NoRoom(const NoRoom&) = delete;
    NoRoom& operator=(const NoRoom&) = delete;

private:
    void (*signals_)(int);
    rlimit before_{};
};

// No room for a time: what was set meanwhile is there once there is room again.
TEST_F(RunLogTest, OutlastsAFullDisk) {
    RunLog log = open();
    log.set("a", some_record(1));
    ASSERT_TRUE(log.flush());
    const std::string good = content();
    {
        const NoRoom none(good.size() - 20);  // a whole new file does not fit either
        for (std::uint64_t i = 2; i <= 20'000; ++i) {
            log.set("a", some_record(i));
            EXPECT_FALSE(log.flush());
        }
    }
    EXPECT_EQ(content(), good) << "half a line was left behind";
    EXPECT_TRUE(log.flush());
    EXPECT_EQ(open().take_found().at("a"), some_record(20'000));
}

// Half a file would take the room that the next line needs.
TEST_F(RunLogTest, LeavesNoHalfAFileBehind) {
    RunLog log = open();
    log.set("a", some_record(1));
    ASSERT_TRUE(log.flush());
    log.clear();
    log.set("a", some_record(2));
    {
        const NoRoom none(100);
        EXPECT_FALSE(log.flush());
    }
    std::vector<std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(directory_))
        files.push_back(file.path().filename());
    EXPECT_THAT(files, testing::ElementsAre("runs"));
}

// The whole of it at every event would keep the loop from its work.
TEST_F(RunLogTest, TriesAWholeNewFileAgainSeldomer) {
    std::optional<RunLog> log;
    const Instant start = now() + 1h;
    {
        const NoRoom none(10);
        log.emplace(open());
        log->set("a", some_record(1));
        EXPECT_FALSE(log->flush(start)) << "it was tried when it was opened, an hour ago";
    }
    const Result<void> early = log->flush(start + 1s);
    ASSERT_FALSE(early) << "the second wait is two seconds";
    EXPECT_EQ(early.error().code, "runs_not_recorded");
    EXPECT_TRUE(log->flush(start + 2s));
    EXPECT_EQ(open().take_found().at("a"), some_record(1));
}

}  // namespace
}  // namespace dpsup::io
