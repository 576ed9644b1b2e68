// sd_notify: what is heard, and from whom.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "io/process/notify_message.hpp"
#include "io/unique_fd.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

TEST(NotifyMessage, ReadsTheKnownLinesAndPassesOthersOver) {
    const auto message = parse_notify(
        "READY=1\nSTATUS=all "
        "well\nMAINPID=4711\nEXTEND_TIMEOUT_USEC=2500000\nMONOTONIC_USEC=12\nX-THING=1\nnonsense\n"
        "WATCHDOG=1");
    EXPECT_TRUE(message.fact.ready);
    EXPECT_TRUE(message.fact.watchdog);
    EXPECT_FALSE(message.fact.stopping);
    EXPECT_FALSE(message.fact.reloading);
    EXPECT_EQ(message.fact.main_pid, 4711);
    EXPECT_EQ(message.fact.extend_timeout, Duration(2500ms));
    EXPECT_EQ(message.status, "all well");
}

TEST(NotifyMessage, TakesNoNonsenseForANumber) {
    for (const auto* text :
         {"MAINPID=", "MAINPID=1", "MAINPID=-5", "MAINPID=12x", "MAINPID=99999999999",
          "EXTEND_TIMEOUT_USEC=", "EXTEND_TIMEOUT_USEC=-1", "READY=0", "READY=10", "READY", "=", ""})
        EXPECT_FALSE(parse_notify(text).says_something()) << text;
    EXPECT_LT(*parse_notify("EXTEND_TIMEOUT_USEC=18446744073709551615").fact.extend_timeout,
              Duration::max() / 2);
}

TEST(NotifyMessage, StatusIsCleanTextOfBoundedLength) {
    EXPECT_EQ(parse_notify("STATUS=a\x1b[31m\x7f"
                           "b\xff\xc3\xa9\xed\xa0\x80")
                  .status,
              "a [31m b\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(parse_notify("STATUS=" + std::string(1000, 'x')).status->size(), 256U);
    std::string wide;
    for (int i = 0; i < 200; ++i) wide += "\xe2\x82\xac";
    EXPECT_EQ(parse_notify("STATUS=" + wide).status->size(), 255U) << "cut within a character";
}

// Sends from this process.
void send(const std::string& path, const std::string& text) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::sendto(fd.get(), text.data(), text.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&address),
             sizeof address);
}

// Sends from a process of that user which belongs to no service.
void send_as(uid_t uid, const std::string& path, const std::string& text) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setresuid(uid, uid, uid) == 0) send(path, text);
        ::usleep(200000);  // it still lives when it is asked who it is
        ::_exit(0);
    }
    ::usleep(50000);
}

class Notify : public TrackingTest {
protected:
    // The service is a copy of this program (see main.cpp), where any user may execute it.
    config::Service notifying(const std::string& name, std::vector<std::string> messages) {
        const std::string speaker = path("speaker");
        if (!std::filesystem::exists(speaker)) std::filesystem::copy_file("/proc/self/exe", speaker);
        auto service = program(name, {speaker, "--notify"});
        for (auto& message : messages) service.process.command.push_back(std::move(message));
        service.policy.notify = true;
        return service;
    }
    std::string socket_of(const std::string& name) {
        return options_.runtime_dir + "/notify/" + name + ".sock";
    }
};

std::string name_of(const testing::TestParamInfo<Tracking>& tracking) {
    return tracking.param == Tracking::cgroups ? "Cgroups" : "Descendants";
}

INSTANTIATE_TEST_SUITE_P(Both, Notify, testing::Values(Tracking::cgroups, Tracking::descendants), name_of);

TEST_P(Notify, HearsTheService) {
    launch_well(notifying("s", {"READY=1\nSTATUS=up and running"}));
    const auto notified = wait_for<core::Notified>();
    ASSERT_TRUE(notified);
    EXPECT_TRUE(notified->ready);
    EXPECT_EQ(host_->status_text(ServiceId{1}), "up and running");
}

TEST_P(Notify, HearsAServiceOfAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto service = notifying("s", {"READY=1"});
    service.process.user = "nobody";
    launch_well(service);
    EXPECT_TRUE(wait_for<core::Notified>());
}

TEST_P(Notify, DoesNotHearAnotherServiceOfTheSameUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto service = notifying("s", {});
    service.process.user = "nobody";
    launch_well(service);
    auto spoofer = notifying("spoofer", {"@" + socket_of("s"), "READY=1\nMAINPID=4711\nSTATUS=fake"});
    spoofer.process.user = "nobody";
    launch_well(spoofer, 1, 2);
    ASSERT_TRUE(run_until([&] { return !warnings_.empty(); }));
    EXPECT_NE(warnings_[0].find("which does not belong to the service"), std::string::npos);
    run_for(50ms);
    for (const auto& event : events_) EXPECT_FALSE(std::holds_alternative<core::Notified>(event.fact));
    EXPECT_EQ(host_->status_text(ServiceId{1}), "");
}

TEST_P(Notify, OthersCannotEvenWriteToTheSocket) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    launch_well(notifying("s", {}));
    send_as(65534, socket_of("s"), "READY=1");
    run_for(100ms);
    EXPECT_TRUE(events_.empty());
    EXPECT_TRUE(warnings_.empty());
}

TEST_P(Notify, HearsRoot) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto service = notifying("s", {});
    service.process.user = "nobody";
    launch_well(service);
    send(socket_of("s"), "READY=1");
    EXPECT_TRUE(wait_for<core::Notified>());
}

TEST_P(Notify, FollowsTheMainProcess) {
    // The launched process forks a child, names it, and ends: the service goes on until the child ends.
    launch_well(notifying("s", {"--fork", "READY=1"}));
    const auto notified = wait_for<core::Notified>();
    ASSERT_TRUE(notified);
    ASSERT_TRUE(notified->main_pid);
    run_for(200ms);
    EXPECT_TRUE(events_.empty()) << "the end of the first process was taken for the service's";
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->kind, core::ExitKind::signaled);
    EXPECT_EQ(exited->code, SIGTERM);
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_P(Notify, FollowsAMainProcessWhoseParentLives) {
    launch_well(notifying("s", {"--fork-and-stay", "READY=1"}));
    const auto notified = wait_for<core::Notified>();
    ASSERT_TRUE(notified && notified->main_pid);
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->kind, core::ExitKind::signaled);
    EXPECT_EQ(exited->code, SIGTERM);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_P(Notify, TakesNoMainProcessThatHasEnded) {
    launch_well(notifying("s", {"--fork-dead", "READY=1"}));
    const auto notified = wait_for<core::Notified>();
    ASSERT_TRUE(notified);
    EXPECT_FALSE(notified->main_pid);
    run_for(50ms);
    EXPECT_TRUE(events_.empty()) << "the service was said to have ended";
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    ASSERT_TRUE(wait_for<core::Exited>());
}

TEST_P(Notify, FollowsFromOneMainProcessToTheNext) {
    launch_well(notifying("s", {"--fork-and-go-on", "READY=1", "--fork-and-stay", "WATCHDOG=1"}));
    const auto first = wait_for<core::Notified>();
    const auto second = wait_for<core::Notified>();
    ASSERT_TRUE(first && first->main_pid && second && second->main_pid);
    ::kill(*first->main_pid, SIGKILL);
    ASSERT_TRUE(run_until([&] { return !alive(*first->main_pid); }));
    run_for(50ms);
    EXPECT_TRUE(events_.empty()) << "the end of an earlier main process was taken for the service's";
    ::kill(*second->main_pid, SIGTERM);
    const auto exited = wait_for<core::Exited>();
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->code, SIGTERM);
}

TEST_P(Notify, TakesNoMainProcessOfOthers) {
    const pid_t stranger = launch_well(program("other", {"/bin/sleep", "100"}), 1, 2);
    const pid_t pid = launch_well(notifying("s", {"READY=1\nMAINPID=" + std::to_string(stranger),
                                                  "WATCHDOG=1\nMAINPID=" + std::to_string(::getpid())}));
    for (int i = 0; i < 2; ++i) {
        const auto notified = wait_for<core::Notified>();
        ASSERT_TRUE(notified);
        EXPECT_FALSE(notified->main_pid);
    }
    host_->send_signal(ServiceId{1}, Generation{1}, SIGTERM, false);
    ASSERT_TRUE(wait_for<core::Exited>());
    EXPECT_EQ(last_->service, ServiceId{1});
    EXPECT_FALSE(alive(pid));
    EXPECT_TRUE(alive(stranger));
}

TEST_P(Notify, ClosesDescriptorsThatComeAlong) {
    const std::size_t before = open_descriptors();
    launch_well(notifying("s", {"--descriptors", "READY=1"}));
    ASSERT_TRUE(wait_for<core::Notified>());
    EXPECT_LE(open_descriptors(), before + 1);  // the socket itself
}

TEST_P(Notify, AFloodLeavesTheLoopItsOtherWork) {
    launch_well(notifying("s", {"--flood"}));
    const pid_t other = launch_well(program("other", {"/bin/sleep", "100"}), 1, 2);
    ::kill(other, SIGKILL);
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(run_until([&] {
        for (const auto& event : events_)
            if (event.service == ServiceId{2} && std::holds_alternative<core::Exited>(event.fact))
                return true;
        events_.clear();
        return false;
    }));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(run_until([&] {
        for (const auto& event : events_)
            if (event.service == ServiceId{1} && std::holds_alternative<core::Emptied>(event.fact))
                return true;
        events_.clear();
        return false;
    }));
}

TEST_P(Notify, StatusEndsWithTheInstance) {
    const pid_t pid = launch_well(notifying("s", {"STATUS=up"}));
    ASSERT_TRUE(run_until([&] { return host_->status_text(ServiceId{1}) == "up"; }));
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(host_->status_text(ServiceId{1}), "");
}

}  // namespace
}  // namespace dpsup::io
