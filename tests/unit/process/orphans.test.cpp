// Orphans where there are no cgroups, in the moments in which /proc shows little of them: while they fork, and while they
// end.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>

#include "io/process/descendant_tree.hpp"
#include "io/process/proc_entry.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

bool soon(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

void reap_all() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

// The service "a": its leader makes an orphan and ends. The orphan has a session of its own and is known by its output
// alone.
class Orphans : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        void* page =
            ::mmap(nullptr, sizeof *over_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(page, MAP_FAILED);
        over_ = new (page) std::atomic<bool>(false);
        std::string pattern = "/tmp/dpsup-test-XXXXXX";
        output_.reset(::mkstemp(pattern.data()));
        ASSERT_TRUE(output_);
        ::unlink(pattern.c_str());
        ASSERT_EQ(::pipe(words_.data()), 0);
    }

    void TearDown() override {
        *over_ = true;
        if (orphan_ > 0) ::kill(orphan_, SIGKILL);
        EXPECT_TRUE(soon([] { return ::waitpid(-1, nullptr, WNOHANG) < 0; })) << "somebody is left";
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
        ::munmap(over_, sizeof *over_);
        for (const int fd : words_) ::close(fd);
    }

    // Both in the child, and with what a child of a fork may call only.
    void launch(const std::function<void()>& prepare, const std::function<void()>& be_orphan) {
        const pid_t leader = ::fork();
        if (leader == 0) {
            ::setsid();
            ::dup2(output_.get(), 2);
            prepare();
            if (::fork() == 0) {
                ::setsid();
                be_orphan();
                ::_exit(0);
            }
            ::_exit(0);
        }
        tree_.started("a", leader, output_.get());
        int status = 0;
        ASSERT_EQ(::waitpid(leader, &status, 0), leader);
        prepared_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        tree_.ended("a", leader);
    }

    // The one that is there now.
    void find_orphan() {
        const std::vector<pid_t> children = own_children();
        ASSERT_EQ(children.size(), 1U);
        orphan_ = children.front();
    }

    void tell_orphan() { ASSERT_EQ(::write(words_[1], "x", 1), 1); }
    void await_word() const {
        char word = 0;
        (void)!::read(words_[0], &word, 1);
    }

    [[nodiscard]] ProcEntry entry_of_orphan() const {
        ProcEntry entry;
        EXPECT_TRUE(read_proc_entry(orphan_, entry));
        return entry;
    }

    [[nodiscard]] bool becomes_empty() {
        return soon([this] {
            reap_all();
            return tree_.empty("a");
        });
    }

    DescendantTree tree_{"orphans-" + std::to_string(::getpid()), [](const auto&, const auto&) {}};
    std::atomic<bool>* over_ = nullptr;
    UniqueFd output_;
    std::array<int, 2> words_{};
    pid_t orphan_ = 0;
    bool prepared_ = false;
};

// It forks and ends, and so does its child, and so on: some process of it lives at every moment, but none for long.
TEST_F(Orphans, AreNeverMissedWhileTheyFork) {
    launch([] {},
           [this] {
               while (!*over_) {
                   const pid_t child = ::fork();
                   if (child > 0) ::_exit(0);
                   if (child == 0) ::setsid();
               }
           });
    constexpr int looks = 2000;
    for (int look = 0; look < looks; ++look) {
        ASSERT_FALSE(tree_.empty("a")) << "at look " << look;
        reap_all();
    }
    *over_ = true;
    EXPECT_TRUE(becomes_empty());
}

// The first process of a PID namespace ends only when all others of it have: it lingers past the point at which it has lost
// its memory and its descriptors.
class OrphansThatEnd : public Orphans {
protected:
    void TearDown() override {
        let_go();
        Orphans::TearDown();
    }

    [[nodiscard]] bool launch_namespace() {
        launch(
            [] {
                if (::unshare(CLONE_NEWPID) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) ::_exit(1);
            },
            [] {
                (void)::fork();
                for (;;) ::pause();
            });
        if (!prepared_) return false;
        find_orphan();
        EXPECT_TRUE(soon([this] { return descendants_of(orphan_).size() == 1; }));
        const std::vector<pid_t> others = descendants_of(orphan_);
        if (others.empty() || ::ptrace(PTRACE_SEIZE, others.front(), nullptr, PTRACE_O_TRACEEXIT) != 0)
            return false;
        held_ = others.front();
        return true;
    }

    void begin_to_end() {
        ::kill(orphan_, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(held_, &status, __WALL), held_);
        ASSERT_TRUE(WIFSTOPPED(status));
        const ProcEntry entry = entry_of_orphan();
        ASSERT_TRUE(entry.ending);
        ASSERT_FALSE(entry.ended());
    }

    void let_go() {
        if (held_ == 0) return;
        ::ptrace(PTRACE_CONT, held_, nullptr, nullptr);
        ::waitpid(std::exchange(held_, 0), nullptr, __WALL);
    }

    pid_t held_ = 0;
};

TEST_F(OrphansThatEnd, AreThereUntilTheyHaveEnded) {
    if (!launch_namespace()) GTEST_SKIP() << "no PID namespaces here, or no tracing";
    EXPECT_FALSE(tree_.empty("a"));
    begin_to_end();
    EXPECT_FALSE(tree_.empty("a"));
    EXPECT_TRUE(tree_.empty("b")) << "it is known to be another's";
    let_go();
    EXPECT_TRUE(becomes_empty());
}

TEST_F(OrphansThatEnd, MayBeAnybodysIfTheyWereNeverSeenBefore) {
    if (!launch_namespace()) GTEST_SKIP() << "no PID namespaces here, or no tracing";
    begin_to_end();
    EXPECT_FALSE(tree_.empty("a"));
    EXPECT_FALSE(tree_.empty("b"));
    EXPECT_FALSE(tree_.vacant("a"));
    EXPECT_TRUE(tree_.vacant("b")) << "it has launched nothing";
    EXPECT_TRUE(soon([&] { return tree_.empty("b"); }))
        << "one that hangs there must not hold all up for ever";
    let_go();
    EXPECT_TRUE(becomes_empty());
    EXPECT_TRUE(tree_.empty("b"));
}

TEST_F(Orphans, LiveOnWithoutTheirFirstThread) {
    launch([] {},
           [this] {
               std::thread([] {
                   for (;;) ::pause();
               }).detach();
               await_word();
               ::syscall(SYS_exit, 0);
           });
    find_orphan();
    EXPECT_FALSE(tree_.empty("a"));
    tell_orphan();
    ASSERT_TRUE(soon([this] { return entry_of_orphan().state == 'Z'; }));
    EXPECT_FALSE(tree_.empty("a"));
    tree_.kill("a");
    EXPECT_TRUE(becomes_empty());
}

}  // namespace
}  // namespace dpsup::io
