#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

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

// Holds the lock in another process, for that long, as a child of a daemon that was killed does until its exec.
pid_t hold_lock(const std::string& directory, unsigned milliseconds) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) return -1;
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT, 0600);
        const bool held = ::flock(fd, LOCK_EX) == 0 && ::write(fd, "2147483647", 10) == 10;
        if (!held || ::write(ready[1], "", 1) != 1) ::_exit(1);
        ::usleep(milliseconds * 1000);
        ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    return child;
}

TEST_F(State, WaitsALittleForALockThatADeadDaemonLeft) {
    const pid_t child = hold_lock(directory_, 200);
    EXPECT_TRUE(StateStore::open(directory_));
    ::waitpid(child, nullptr, 0);
}

TEST_F(State, NamesNoDaemonThatHasGone) {
    const pid_t child = hold_lock(directory_, 60000);
    const auto store = StateStore::open(directory_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().message, "another dpsupd uses the state directory " + directory_);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

TEST_F(State, IsReadFromARegularFileOnly) {
    const auto store = StateStore::open(directory_).value();
    ASSERT_EQ(::mkfifo((directory_ + "/state.json").c_str(), 0600), 0);
    const auto loaded = store.load();
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("not a regular file"));
    ASSERT_EQ(::mkfifo((directory_ + "/state.json.new").c_str(), 0600), 0);
    EXPECT_FALSE(store.save(remembered_));
}

TEST_F(State, HasABoundForItsFile) {
    const auto store = StateStore::open(directory_).value();
    std::ofstream(directory_ + "/state.json") << "{";
    ASSERT_EQ(::truncate((directory_ + "/state.json").c_str(), 65L << 20), 0);
    const auto loaded = store.load();
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("larger than 64 MiB"));
}

TEST_F(State, RefusesASecondDaemon) {
    // As which the lock's holder is known.
    std::array<char, 16> name{};
    ::prctl(PR_GET_NAME, name.data());
    ::prctl(PR_SET_NAME, "dpsupd");
    const auto first = StateStore::open(directory_).value();
    const auto second = StateStore::open(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "already_running");
    EXPECT_THAT(second.error().message, HasSubstr("(pid " + std::to_string(getpid()) + ")"));
    ::prctl(PR_SET_NAME, name.data());
}

TEST_F(State, LeavesAFileOfANewerVersionAlone) {
    const auto store = StateStore::open(directory_).value();
    // Of a newer version nothing but the version is known.
    for (const std::string newer :
         {R"({"version": 2, "services": {}})", R"({"version": 99, "services": [], "more": {"a": 1}})"}) {
        std::ofstream(directory_ + "/state.json") << newer;
        const auto loaded = store.load();
        ASSERT_FALSE(loaded) << newer;
        EXPECT_EQ(loaded.error().code, "state_too_new");
        std::ostringstream text;
        text << std::ifstream(directory_ + "/state.json").rdbuf();
        EXPECT_EQ(text.str(), newer);
    }
}

// As dpsup 0.1.0 wrote it. A later one may write otherwise, but it reads this.
TEST_F(State, IsReadAsTheFirstVersionWroteIt) {
    const auto store = StateStore::open(directory_).value();
    std::ofstream(directory_ + "/state.json")
        << R"({"version":1,"services":{"db":{"wanted":"down"},"init":{"done_as":"5f3a"},)"
           R"("web":{"wanted":"up"}}})"
           "\n";
    Remembered wanted = remembered_;
    wanted["web"] = {.wanted_up = true, .done_as = ""};
    EXPECT_EQ(store.load(), wanted);
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
