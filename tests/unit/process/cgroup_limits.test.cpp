// In a directory that looks like a cgroup: what limits stand there, also after some could not be set.
#include "io/process/cgroup_limits.hpp"

#include <filesystem>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

namespace fs = std::filesystem;

class LimitFiles : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = fs::temp_directory_path() / "dpsup-test-XXXXXX";
        root_ = ::mkdtemp(pattern.data());
        leaf_ = root_ + "/leaf";
        fs::create_directory(leaf_);
        write_file(root_ + "/cgroup.subtree_control", "cpu memory pids io\n");
        for (const auto* file : {"cpu.max", "memory.max", "pids.max", "io.weight"})
            write_file(path(file), "");
    }
    void TearDown() override { fs::remove_all(root_); }
    [[nodiscard]] std::string path(const std::string& file) const { return leaf_ + "/" + file; }
    std::vector<cgroup::LimitFailure> apply(const config::Limits& limits) {
        return cgroup::apply_limits(root_, leaf_, given_, limits);
    }

    std::string root_;
    std::string leaf_;
    cgroup::GivenLimits given_;
};

TEST_F(LimitFiles, GoBackToNoneWhenTheyAreNotWantedAnyMore) {
    config::Limits limits;
    limits.pids = 20;
    limits.memory = 65536;
    EXPECT_TRUE(apply(limits).empty());
    EXPECT_EQ(read_file(path("pids.max")), "20");
    EXPECT_TRUE(given_.pids && given_.memory);
    EXPECT_TRUE(apply({}).empty());
    EXPECT_TRUE(read_file(path("pids.max")).starts_with("max"));
    EXPECT_FALSE(given_.pids || given_.memory);
}

TEST_F(LimitFiles, ThatStandThoughAnotherFailedAreKnown) {
    fs::remove(path("memory.max"));
    config::Limits limits;
    limits.pids = 20;
    limits.memory = 65536;
    EXPECT_EQ(apply(limits).size(), 1U);
    EXPECT_TRUE(given_.pids);
    EXPECT_FALSE(given_.memory);
    EXPECT_TRUE(apply({}).empty());
    EXPECT_TRUE(read_file(path("pids.max")).starts_with("max")) << "the limit stayed behind";
}

TEST_F(LimitFiles, ThatCannotBeTakenBackAreAFailureAndNotForgotten) {
    config::Limits limits;
    limits.pids = 20;
    EXPECT_TRUE(apply(limits).empty());
    fs::remove(path("pids.max"));
    fs::create_directory(path("pids.max"));
    EXPECT_EQ(apply({}).size(), 1U);
    EXPECT_TRUE(given_.pids);
}

}  // namespace
}  // namespace dpsup::io
