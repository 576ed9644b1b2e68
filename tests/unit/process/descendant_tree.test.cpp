// What an earlier daemon left where there are no cgroups: found by its mark, by searching all processes.
#include "io/process/descendant_tree.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "unit/process/host_fixture.hpp"

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

class DescendantTreeTest : public testing::Test {
protected:
    void TearDown() override {
        ::kill(-parent_, SIGKILL);
        ::waitpid(parent_, nullptr, 0);
    }

    // A process that bears the mark of `leaf`, and is no child of ours.
    pid_t stranger_in(const std::string& leaf) {
        std::array<int, 2> words{};
        EXPECT_EQ(::pipe(words.data()), 0);
        const std::string script = "DPSUP_INSTANCE=" + instance_ + "/" + leaf + " sleep 1000 & echo $!; wait";
        parent_ = ::fork();
        if (parent_ == 0) {
            ::setpgid(0, 0);
            ::dup2(words[1], 1);
            ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(words[1]);
        std::string line(32, '\0');
        line.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(words[0], line.data(), 32), 0)));
        ::close(words[0]);
        const pid_t pid = std::stoi(line);
        const std::string program = "/proc/" + std::to_string(pid) + "/cmdline";
        EXPECT_TRUE(soon([&] { return read_file(program).starts_with("sleep"); }));
        return pid;
    }

    std::string instance_ = "tree-" + std::to_string(::getpid());
    std::vector<std::string> warnings_;
    DescendantTree tree_{instance_, [this](const std::string& service, const std::string& message) {
                             warnings_.push_back(service + ": " + message);
                         }};
    pid_t parent_ = 0;
};

TEST_F(DescendantTreeTest, WhatIsLeftOfAnAdoptedServiceIsFound) {
    tree_.adopted("a", {}, 0);
    const pid_t left = stranger_in("a");
    EXPECT_FALSE(tree_.empty("a"));
    tree_.kill("a");
    EXPECT_TRUE(soon([&] { return tree_.empty("a"); }));
    EXPECT_FALSE(alive(left));
}

// Once nothing is left, whatever comes is a descendant of ours; a search of all processes takes milliseconds.
TEST_F(DescendantTreeTest, SearchesAllProcessesOnlyUntilNothingIsLeft) {
    tree_.adopted("a", {}, 0);
    EXPECT_TRUE(tree_.empty("a"));
    stranger_in("a");
    EXPECT_TRUE(tree_.empty("a")) << "it still searches";
}

TEST_F(DescendantTreeTest, SearchesForNoCommandOfItsOwn) {
    tree_.adopted("a", {}, 0);
    stranger_in("a/dpsup-run.1");
    EXPECT_TRUE(tree_.empty("a/dpsup-run.1"));
    EXPECT_FALSE(tree_.empty("a")) << "what the earlier daemon's command left is the service's";
}

// Traced, a process that was killed stops once more before it is gone, until its tracer lets it: as one does that hangs
// in the kernel. False: it may not be traced here.
class Lingering {
public:
    explicit Lingering(pid_t pid) {
        std::promise<bool> seized;
        auto answer = seized.get_future();
        tracer_ = std::thread([this, pid, seized = std::move(seized)]() mutable {
            const bool done = ::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT) == 0;
            seized.set_value(done);
            if (!done) return;
            int status = 0;
            stops_ = ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
            dying_.set_value();
            may_go_.get_future().wait();
            ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
        });
        there_ = answer.get();
    }
    ~Lingering() {
        let_go();
        tracer_.join();
    }
    Lingering(const Lingering&) = delete;
    Lingering& operator=(const Lingering&) = delete;

    [[nodiscard]] bool there() const { return there_; }
    // Until it has been killed. False: it did not linger.
    [[nodiscard]] bool wait() {
        return dying_.get_future().wait_for(30s) == std::future_status::ready && stops_;
    }
    void let_go() {
        if (!std::exchange(gone_, true)) may_go_.set_value();
    }

private:
    std::thread tracer_;
    std::promise<void> dying_;
    std::promise<void> may_go_;
    std::atomic<bool> stops_ = false;
    bool there_ = false;
    bool gone_ = false;
};

// Else the launches that follow would run beside it.
TEST_F(DescendantTreeTest, WaitsForWhatItKills) {
    const pid_t left = stranger_in("a");
    Lingering lingering(left);
    if (!lingering.there()) GTEST_SKIP() << "processes may not be traced here";
    auto waited =
        std::async(std::launch::async, [&] { return lingering.wait() && (lingering.let_go(), true); });
    tree_.kill_unclaimed();
    EXPECT_FALSE(alive(left));
    EXPECT_TRUE(waited.get());
    EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(DescendantTreeTest, WhatOutlivesItsKillIsStillTheServices) {
    const pid_t left = stranger_in("a/dpsup-run.3");
    Lingering lingering(left);
    if (!lingering.there()) GTEST_SKIP() << "processes may not be traced here";
    tree_.kill_unclaimed();
    ASSERT_TRUE(lingering.wait());
    EXPECT_FALSE(tree_.empty("a"));
    lingering.let_go();
    EXPECT_TRUE(soon([&] { return tree_.empty("a"); }));
    EXPECT_FALSE(alive(left));
}

}  // namespace
}  // namespace dpsup::io
