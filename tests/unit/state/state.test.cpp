#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "io/state/state_codec.hpp"
#include "io/state/state_store.hpp"

namespace dpsup::io {
namespace {

using testing::HasSubstr;

class State : public testing::Test {
protected:
    State() {
        std::string name = testing::TempDir() + "dpsup-state-XXXXXX";
        directory_ = mkdtemp(name.data());
    }
    ~State() override { (void)std::system(("rm -rf " + directory_).c_str()); }

    std::string directory_;
    const Remembered remembered_{{"db", {.wanted_up = false, .done_as = ""}},
                                 {"init", {.wanted_up = std::nullopt, .done_as = "5f3a"}}};
};

TEST_F(State, ReadsBackWhatItWrote) {
    const auto store = StateStore::open(directory_ + "/a/b").value();
    EXPECT_EQ(store.load(), Remembered{});
    ASSERT_TRUE(store.save(remembered_));
    EXPECT_EQ(store.load(), remembered_);
}

TEST_F(State, RefusesASecondDaemon) {
    const auto first = StateStore::open(directory_).value();
    const auto second = StateStore::open(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "already_running");
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(getpid())));
}

TEST_F(State, LeavesAFileOfANewerVersionAlone) {
    const auto store = StateStore::open(directory_).value();
    std::ofstream(directory_ + "/state.json") << R"({"version": 99, "services": {}})";
    const auto loaded = store.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, "state_too_new");
}

TEST_F(State, IsNeverReadFromAPartOfAFile) {
    const std::string whole = encode_state(remembered_);
    for (std::size_t length = 0; length + 2 < whole.size(); ++length)
        EXPECT_FALSE(decode_state(whole.substr(0, length), "state.json")) << length;
}

TEST_F(State, SaysThatTheDiskIsFullAndKeepsTheOldFile) {
    const auto store = StateStore::open(directory_).value();
    ASSERT_TRUE(store.save(remembered_));
    // A file that is always full stands in for the disk.
    ASSERT_EQ(symlink("/dev/full", (directory_ + "/state.json.new").c_str()), 0);
    const auto saved = store.save({});
    ASSERT_FALSE(saved);
    EXPECT_THAT(saved.error().message, HasSubstr("No space left"));
    EXPECT_EQ(store.load(), remembered_);
}

}  // namespace
}  // namespace dpsup::io
