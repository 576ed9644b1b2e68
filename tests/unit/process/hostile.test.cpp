// A process of the service's own user may do to the service whatever it likes, and nothing to the daemon.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Nobody else's: not of another test, and not of a second run of this one.
uid_t own_user() {
    return 1'000'000 + static_cast<uid_t>(::getpid());
}

// Stops every process of that user, again and again: also a child of ours that has just taken the user on.
pid_t start_stopper(uid_t user, std::chrono::seconds time) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    const auto end = Clock::now() + time;
    if (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) ::_exit(1);
    while (Clock::now() < end) {
        for (int i = 0; i < 1000; ++i) ::kill(-1, SIGSTOP);
    }
    ::_exit(0);
}

TEST_F(HostTest, AStoppedChildHoldsOnlyItsOwnLaunchUp) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto service = program("s", {"/bin/sleep", "100"});
    const uid_t user = own_user();
    service.process.user = service.process.group = std::to_string(user);
    const auto config = std::make_shared<const config::Service>(service);
    start_stopper(user, 4s);
    auto turned = Clock::now();
    auto longest = Clock::duration::zero();
    const auto end = turned + 4s;
    std::uint64_t generation = 1;
    host_->launch(ServiceId{1}, Generation{generation}, config);
    static_cast<void>(run_until([&] {
        longest = std::max(longest, Clock::now() - turned);
        turned = Clock::now();
        for (const auto& event : std::exchange(events_, {})) {
            if (std::holds_alternative<core::Launched>(event.fact))
                host_->kill_tree(ServiceId{1}, Generation{generation});
            else if (!std::holds_alternative<core::Exited>(event.fact) && turned < end)
                host_->launch(ServiceId{1}, Generation{++generation}, config);
        }
        return turned >= end;
    }));
    EXPECT_LT(longest, 1s) << "the loop stood still";
    // It was launched again and again, or hangs once more: in either case it comes to an end by itself.
    host_->kill_tree(ServiceId{1}, Generation{generation});
    EXPECT_TRUE(run_until(
        [&] {
            return std::any_of(events_.begin(), events_.end(), [](const auto& event) {
                return std::holds_alternative<core::Emptied>(event.fact) ||
                       std::holds_alternative<core::LaunchFailed>(event.fact);
            });
        },
        10s));
}

}  // namespace
}  // namespace dpsup::io
