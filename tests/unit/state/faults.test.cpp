// Each call by which state reaches the disk goes wrong once: whoever reads it next finds the old or the new one, and a
// daemon that lives on brings it right.
#include "unit/state/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "io/state/applied_config.hpp"
#include "io/state/run_log.hpp"
#include "io/state/state_store.hpp"

namespace dpsup::io {
namespace {

using test::arm;
using test::disarm;
using test::Fault;
using test::in_child;
using test::Plan;
using testing::AnyOf;
using testing::Eq;

constexpr int calls_max = 100;

class Faults : public testing::Test {
protected:
    Faults() {
        std::string name = testing::TempDir() + "dpsup-faults-XXXXXX";
        directory_ = mkdtemp(name.data());
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    // How many calls the action makes where nothing goes wrong.
    static int count(const std::function<void()>& action) {
        arm({});
        action();
        disarm();
        EXPECT_GT(test::calls(), 0);
        EXPECT_LT(test::calls(), calls_max);
        return test::calls();
    }

    std::string directory_;
};

constexpr std::array deaths{Fault::die, Fault::die_half, Fault::power_loss};
constexpr std::array errors{Plan{Fault::fails, 0, ENOSPC},      Plan{Fault::fails, 0, EIO},
                            Plan{Fault::fails_half, 0, ENOSPC}, Plan{Fault::full, 0, ENOSPC},
                            Plan{Fault::full, 0, EIO},          Plan{Fault::half, 0, 0}};

std::string shown(const Plan& plan) {
    return "fault " + std::to_string(static_cast<int>(plan.fault)) + " (" + std::to_string(plan.error) +
           ") at call " + std::to_string(plan.at) + " of: " + test::trace();
}

// --- the state file ---

const Remembered old_state{{"db", {.wanted_up = false, .done_as = ""}}};
const Remembered new_state{{"db", {.wanted_up = true, .done_as = ""}},
                           {"init", {.wanted_up = std::nullopt, .done_as = std::string(3000, 'f')}}};

class StateFaults : public Faults {
protected:
    void put_old() const { ASSERT_TRUE(open().save(old_state)); }
    [[nodiscard]] StateStore open() const { return StateStore::open(directory_).value(); }
};

TEST_F(StateFaults, IsSyncedBeforeItTakesThePlaceOfTheOldAndAfter) {
    const StateStore store = open();
    arm({});
    ASSERT_TRUE(store.save(new_state));
    disarm();
    EXPECT_EQ(test::trace(), "open write fsync rename open fsync");
}

TEST_F(StateFaults, DeathLeavesTheOldOrTheNew) {
    put_old();
    const int calls = count([&] { ASSERT_TRUE(open().save(new_state)); });
    std::set<bool> seen;
    for (const Fault death : deaths) {
        for (int at = 1; at <= calls + 1; ++at) {
            put_old();
            in_child({death, at, 0}, [&] { (void)open().save(new_state); });
            const auto found = open().load();
            ASSERT_TRUE(found) << shown({death, at, 0}) << found.error().message;
            EXPECT_THAT(*found, AnyOf(old_state, new_state)) << shown({death, at, 0});
            EXPECT_TRUE(at <= calls || *found == new_state) << "it was saved";
            seen.insert(*found == new_state);
        }
    }
    EXPECT_EQ(seen.size(), 2U) << "not both were seen: the test looks at the wrong calls";
}

TEST_F(StateFaults, ErrorsLeaveTheOldOrTheNewAndTheNextSaveHelps) {
    put_old();
    const StateStore store = open();
    const int calls = count([&] { ASSERT_TRUE(store.save(new_state)); });
    for (Plan plan : errors) {
        for (plan.at = 1; plan.at <= calls; ++plan.at) {
            ASSERT_TRUE(store.save(old_state));
            arm(plan);
            const auto saved = store.save(new_state);
            disarm();
            const auto found = store.load();
            ASSERT_TRUE(found) << shown(plan) << found.error().message;
            EXPECT_THAT(*found, AnyOf(old_state, new_state)) << shown(plan);
            EXPECT_TRUE(!saved || *found == new_state) << shown(plan) << ": it said that it had saved";
            EXPECT_FALSE(saved && plan.fault == Fault::fails) << shown(plan);
            ASSERT_TRUE(store.save(new_state)) << shown(plan);
            EXPECT_EQ(store.load(), new_state) << shown(plan);
        }
    }
}

TEST_F(StateFaults, AStoreThatCannotBeOpenedCanBeLater) {
    const int calls = count([&] { (void)open(); });
    for (Plan plan : errors) {
        for (plan.at = 1; plan.at <= calls; ++plan.at) {
            std::filesystem::remove_all(directory_);
            arm(plan);
            const auto opened = StateStore::open(directory_);
            disarm();
            EXPECT_TRUE(opened || !opened.error().message.empty()) << shown(plan);
            ASSERT_TRUE(opened || StateStore::open(directory_)) << shown(plan);
        }
    }
}

// --- the run log ---

RunRecord record(std::uint64_t generation, std::size_t size = 0) {
    RunRecord one;
    one.snapshot.generation.value = generation;
    one.snapshot.reason = std::string(size, 'r');
    one.process_start = generation * 1000;
    return one;
}

// What a daemon does with it, one flush after the other, and what is on record after each. The last makes it so large
// that it is written anew.
class LogFaults : public Faults {
protected:
    LogFaults() : path_(directory_ + "/runs") {
        void* shared =
            ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        flushed_ = static_cast<int*>(shared);
    }
    void TearDown() override {
        ::munmap(flushed_, sizeof(int));
        Faults::TearDown();
    }

    [[nodiscard]] RunLog open() const { return RunLog::open(path_, "boot").value(); }
    [[nodiscard]] RunRecords found() const { return open().take_found(); }

    void put_old() const {
        std::filesystem::remove(path_);
        RunLog log = open();
        log.set("a", record(1));
        log.set("b", record(10));
        ASSERT_TRUE(log.flush());
    }
    static RunRecords after(int flushes) {
        RunRecords records{{"a", record(1)}, {"b", record(10)}};
        if (flushes >= 1) records["a"] = record(2);
        if (flushes >= 2) records.erase("b");
        if (flushes >= 3) records["c"] = record(1, large);
        if (flushes >= 4) records["c"] = record(2, large);
        if (flushes >= 5) records["a"] = record(3);
        return records;
    }
    static constexpr int flushes = 5;
    static constexpr std::size_t large = 600'000;

    // Each flush that fails is tried again at the next, as the daemon does.
    void act() const {
        *flushed_ = 0;
        RunLog log = open();
        for (int i = 1; i <= flushes; ++i) {
            const RunRecords wanted = after(i);
            for (const auto& [name, one] : wanted) log.set(name, one);
            if (!wanted.contains("b")) log.drop("b");
            if (log.flush()) *flushed_ = i;
        }
    }

    std::string path_;
    int* flushed_ = nullptr;
};

TEST_F(LogFaults, DeathLeavesWhatWasOnRecordBeforeOrAfterTheChange) {
    put_old();
    const int calls = count([&] { act(); });
    ASSERT_EQ(test::trace().find("rename"), test::trace().find("open write rename") + 11);
    ASSERT_NE(test::trace().rfind("rename"), test::trace().find("rename")) << "it was not written anew";
    for (const Fault death : {Fault::die, Fault::die_half}) {
        for (int at = 1; at <= calls + 1; ++at) {
            put_old();
            in_child({death, at, 0}, [&] { act(); });
            EXPECT_THAT(found(), AnyOf(after(*flushed_), after(*flushed_ + 1)))
                << shown({death, at, 0}) << ", flushed " << *flushed_;
        }
    }
    EXPECT_EQ(*flushed_, flushes);
}

TEST_F(LogFaults, AfterAnErrorItIsCompleteOnceThereIsRoom) {
    put_old();
    const int calls = count([&] { act(); });
    for (Plan plan : errors) {
        for (plan.at = 1; plan.at <= calls; ++plan.at) {
            put_old();
            RunLog log = open();
            arm(plan);
            int good = 0;
            for (int i = 1; i <= flushes; ++i) {
                const RunRecords wanted = after(i);
                for (const auto& [name, one] : wanted) log.set(name, one);
                if (!wanted.contains("b")) log.drop("b");
                if (log.flush()) good = i;
            }
            disarm();
            // Should the daemon die now: nothing but what was on record at some time, and not less than it was told.
            bool known = false;
            const std::string spare = directory_ + "/copy";
            std::filesystem::copy_file(path_, spare, std::filesystem::copy_options::overwrite_existing);
            const RunRecords left = RunLog::open(spare, "boot").value().take_found();
            for (int i = good; i <= flushes; ++i) known = known || left == after(i);
            EXPECT_TRUE(known) << shown(plan) << ", good " << good;
            log.set("d", record(7));
            ASSERT_TRUE(log.flush()) << shown(plan);
            RunRecords all = after(flushes);
            all["d"] = record(7);
            EXPECT_EQ(found(), all) << shown(plan);
        }
    }
}

// --- the configuration that was applied ---

AppliedConfig applied(const std::string& text) {
    AppliedConfig one;
    one.origin.sources = {{"/etc/dpsup/dpsup.toml", text}};
    return one;
}

class AppliedFaults : public Faults {
protected:
    AppliedFaults() : path_(directory_ + "/run/applied") {}
    void put_old() const { ASSERT_TRUE(store_applied_config(path_, "boot", old_)); }
    std::string path_;
    const AppliedConfig old_ = applied("old");
    const AppliedConfig new_ = applied(std::string(5000, 'n'));
};

TEST_F(AppliedFaults, DeathLeavesTheOldOrTheNew) {
    put_old();
    const int calls = count([&] { ASSERT_TRUE(store_applied_config(path_, "boot", new_)); });
    for (const Fault death : {Fault::die, Fault::die_half}) {
        for (int at = 1; at <= calls + 1; ++at) {
            put_old();
            in_child({death, at, 0}, [&] { (void)store_applied_config(path_, "boot", new_); });
            const auto found = load_applied_config(path_, "boot");
            EXPECT_THAT(found, AnyOf(Eq(old_), Eq(new_))) << shown({death, at, 0});
            EXPECT_TRUE(at <= calls || found == new_) << "it was stored";
        }
    }
}

// Better none than one that does not run any more.
TEST_F(AppliedFaults, ErrorsLeaveNoneOrTheNewAndTheNextOneHelps) {
    put_old();
    const int calls = count([&] { ASSERT_TRUE(store_applied_config(path_, "boot", new_)); });
    for (Plan plan : errors) {
        for (plan.at = 1; plan.at <= calls; ++plan.at) {
            put_old();
            arm(plan);
            const auto stored = store_applied_config(path_, "boot", new_);
            disarm();
            const auto found = load_applied_config(path_, "boot");
            // Where nothing can be removed either, the old one stays.
            const bool right = stored ? found == new_ : found != old_ || plan.fault == Fault::full;
            EXPECT_TRUE(right) << shown(plan);
            ASSERT_TRUE(store_applied_config(path_, "boot", new_)) << shown(plan);
            EXPECT_EQ(load_applied_config(path_, "boot"), new_) << shown(plan);
        }
    }
}

}  // namespace
}  // namespace dpsup::io
