// Notify sockets outlive the host: what is said while there is none is heard by the next one, from whoever still runs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KeptNotify : public TrackingTest {
protected:
    void SetUp() override {
        TrackingTest::SetUp();
        if (IsSkipped()) return;
        if (::geteuid() != 0) GTEST_SKIP() << "only root may speak for a service that is another process";
        options_.instance = "kept-" + std::to_string(::getpid());
        options_.keep_notify = [this](const std::string& service, int fd) {
            told_.push_back("keep " + service);
            kept_[service] = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
        };
        options_.drop_notify = [this](const std::string& service) {
            told_.push_back("drop " + service);
            kept_.erase(service);
        };
        open_host();
    }

    static config::Service notifying(const std::string& name) {
        config::Service service = shell(name, "exec sleep 1000");
        service.policy.notify = true;
        return service;
    }
    std::string socket_of(const std::string& name) {
        return options_.runtime_dir + "/notify/" + name + ".sock";
    }
    // 0, or why not: whether it arrives.
    static int say(const std::string& path, const std::string& text) {
        const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        const auto* to = reinterpret_cast<const sockaddr*>(&address);
        return ::sendto(fd.get(), text.data(), text.size(), MSG_DONTWAIT, to, sizeof address) < 0 ? errno : 0;
    }
    // The host ends, and leaves what runs; `pid`'s start time.
    AdoptedProcess lose_host(pid_t pid) {
        const AdoptedProcess running{.pid = pid, .start = host_->process_start(ServiceId{1})};
        host_.reset();
        events_.clear();
        told_.clear();
        return running;
    }
    void open_next_host() {
        open_host();
        for (auto& [service, fd] : std::exchange(kept_, {})) host_->inherit_notify(service, std::move(fd));
    }
    void adopt(const config::Service& service, const AdoptedProcess& process) {
        host_->adopt(ServiceId{1}, Generation{1}, std::make_shared<const config::Service>(service), process);
        host_->end_adoption();
    }
    // The next Notified that says something.
    core::Notified next_said() {
        for (;;) {
            const auto said = wait_for<core::Notified>();
            if (!said || !said->listening) return said.value_or(core::Notified{});
        }
    }

    std::vector<std::string> told_;
    std::map<std::string, UniqueFd> kept_;  // as systemd has them
};

constexpr auto name_of_tracking = [](const auto& one) {
    return one.param == Tracking::cgroups ? "WithCgroups" : "WithoutCgroups";
};
INSTANTIATE_TEST_SUITE_P(Host, KeptNotify, testing::Values(Tracking::cgroups, Tracking::descendants),
                         name_of_tracking);

TEST_P(KeptNotify, AreKeptFromTheFirstLaunchUntilTheServiceIsForgotten) {
    const config::Service service = notifying("a");
    launch_well(service);
    EXPECT_THAT(told_, ElementsAre("keep a"));
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    launch_well(service, 2);
    EXPECT_THAT(told_, ElementsAre("keep a")) << "the next instance has the same";
    host_->kill_tree(ServiceId{1}, Generation{2});
    ASSERT_TRUE(wait_for<core::Emptied>());
    host_->forget(ServiceId{1});
    EXPECT_THAT(told_, ElementsAre("keep a", "drop a"));
    EXPECT_FALSE(std::filesystem::exists(socket_of("a")));
}

TEST_P(KeptNotify, AreDroppedWhereTheServiceNotifiesNoMore) {
    launch_well(notifying("a"));
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    launch_well(shell("a", "exec sleep 1000"), 2);
    EXPECT_THAT(told_, ElementsAre("keep a", "drop a"));
}

TEST_P(KeptNotify, AreNotNeededByWhoeverDoesNotNotify) {
    launch_well(shell("a", "exec sleep 1000"));
    EXPECT_THAT(told_, IsEmpty());
}

TEST_P(KeptNotify, BelongToTheUserOfTheService) {
    config::Service service = notifying("a");
    launch_well(service);
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    service.process.user = "nobody";
    launch_well(service, 2);
    EXPECT_THAT(told_, ElementsAre("keep a", "drop a", "keep a"));
}

TEST_P(KeptNotify, TellWhatWasSaidWhileThereWasNoHost) {
    const config::Service service = notifying("a");
    const AdoptedProcess running = lose_host(launch_well(service));
    EXPECT_THAT(told_, IsEmpty()) << "it runs";
    ASSERT_EQ(say(socket_of("a"), "READY=1"), 0);
    open_next_host();
    adopt(service, running);
    EXPECT_TRUE(wait_for<core::Launched>());
    EXPECT_TRUE(next_said().ready);
    EXPECT_THAT(told_, ElementsAre("keep a"));
    ASSERT_EQ(say(socket_of("a"), "STOPPING=1"), 0);
    EXPECT_TRUE(next_said().stopping) << "and what is said from now on";
}

// It ended, and had said something: the next one must not be taken for it.
TEST_P(KeptNotify, DoNotTellTheNextInstanceOfWhatAnEarlierOneSaid) {
    const config::Service service = notifying("a");
    const AdoptedProcess running = lose_host(launch_well(service));
    ASSERT_EQ(say(socket_of("a"), "READY=1"), 0);
    ::kill(running.pid, SIGKILL);
    ASSERT_EQ(::waitpid(running.pid, nullptr, 0), running.pid) << "as where it was no child of ours";
    open_next_host();
    adopt(service, running);
    ASSERT_TRUE(wait_for<core::Emptied>());
    events_.clear();
    launch_well(service, 2);
    ASSERT_EQ(say(socket_of("a"), "STOPPING=1"), 0);
    const core::Notified said = next_said();
    EXPECT_TRUE(said.stopping);
    EXPECT_FALSE(said.ready);
}

// Its launch had not begun, so that nothing is adopted: what waits in the socket was said to an earlier host.
TEST_P(KeptNotify, OfAnInstanceBeforeAreEmptiedByALaunch) {
    const config::Service service = notifying("a");
    const AdoptedProcess running = lose_host(launch_well(service));
    ASSERT_EQ(say(socket_of("a"), "READY=1"), 0);
    ::kill(running.pid, SIGKILL);
    ASSERT_TRUE(run_until([&] { return !alive(running.pid); }));
    open_next_host();
    adopt(service, {.queued = true});
    ASSERT_TRUE(wait_for<core::NotLaunched>());
    EXPECT_THAT(told_, ElementsAre("drop a")) << "nobody has taken it";
    launch_well(service, 2);
    ASSERT_EQ(say(socket_of("a"), "STOPPING=1"), 0);
    EXPECT_FALSE(next_said().ready);
}

TEST_P(KeptNotify, OfServicesThatAreGoneGoWithTheirPaths) {
    const AdoptedProcess running = lose_host(launch_well(notifying("gone")));
    open_next_host();
    host_->end_adoption();
    EXPECT_THAT(told_, ElementsAre("drop gone"));
    EXPECT_FALSE(std::filesystem::exists(socket_of("gone")));
    EXPECT_TRUE(run_until([&] { return !alive(running.pid); }));
}

TEST_P(KeptNotify, AreOpenedAnewWhereTheirPathIsGone) {
    const config::Service service = notifying("a");
    const AdoptedProcess running = lose_host(launch_well(service));
    std::filesystem::remove(socket_of("a"));
    open_next_host();
    adopt(service, running);
    EXPECT_TRUE(run_until([&] { return told_.size() >= 2; }));
    EXPECT_THAT(told_, ElementsAre("drop a", "keep a"));
    EXPECT_TRUE(run_until([&] { return say(socket_of("a"), "READY=1") == 0; }));
    EXPECT_TRUE(next_said().ready);
}

TEST_P(KeptNotify, OfAnotherPathAreNotTakenForTheServices) {
    const config::Service service = notifying("a");
    const AdoptedProcess running = lose_host(launch_well(service));
    open_host();
    host_->inherit_notify("b", std::move(kept_["a"]));
    adopt(service, running);
    EXPECT_TRUE(run_until([&] { return told_.size() >= 2; }));
    EXPECT_THAT(told_, testing::UnorderedElementsAre("drop b", "keep a"));
    EXPECT_TRUE(run_until([&] { return say(socket_of("a"), "READY=1") == 0; }));
    EXPECT_TRUE(next_said().ready);
}

// An orderly end: nothing runs that could speak.
TEST_P(KeptNotify, OfWhatDoesNotRunEndWithTheHost) {
    launch_well(notifying("a"));
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    host_.reset();
    EXPECT_THAT(told_, ElementsAre("keep a", "drop a"));
    EXPECT_FALSE(std::filesystem::exists(socket_of("a")));
}

}  // namespace
}  // namespace dpsup::io
