#include "io/process/reaper.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>

#include "io/clock.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

class Reaping : public testing::Test {
protected:
    pid_t child() {
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        for (;;) ::pause();
    }
    bool run_until(const auto& condition) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            if (context_.stopped()) context_.restart();
            context_.run_one_for(20ms);
        }
        return condition();
    }

    boost::asio::io_context context_;
    int strangers_ = 0;
    Reaper reaper_{context_, [this](pid_t) { ++strangers_; }};
};

TEST_F(Reaping, ForgetsTheWatchThatIsMeantAndNoOtherOfThatNumber) {
    const pid_t pid = child();
    bool told = false;
    const Reaper::Watch earlier = reaper_.watch(pid, [](const core::Exited&) { ADD_FAILURE(); });
    const Reaper::Watch later = reaper_.watch(pid, [&](const core::Exited&) { told = true; });
    reaper_.forget(earlier);
    EXPECT_TRUE(Reaper::is_child(pid));
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(run_until([&] { return told; }));
    EXPECT_FALSE(Reaper::is_child(pid));
    reaper_.forget(later);
    EXPECT_EQ(strangers_, 0);
}

TEST_F(Reaping, RemembersAnEarlyEndButNotThatOfAnEarlierProcess) {
    reaper_.expect();
    const Instant before = now();
    const pid_t first = child();
    const pid_t second = child();
    ::kill(first, SIGKILL);
    ::kill(second, SIGTERM);
    EXPECT_TRUE(run_until([&] { return strangers_ == 2; }));
    reaper_.born(first, before);
    reaper_.born(second, now());  // as if its number were another child's now
    int code = 0;
    static_cast<void>(reaper_.watch(first, [&](const core::Exited& exited) { code = exited.code; }));
    static_cast<void>(reaper_.watch(second, [](const core::Exited&) { ADD_FAILURE(); }));
    EXPECT_TRUE(run_until([&] { return code == SIGKILL; }));
    reaper_.unexpect();
    for (int turns = 0; turns < 10; ++turns) context_.poll_one();
}

}  // namespace
}  // namespace dpsup::io
