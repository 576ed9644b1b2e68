// Listening sockets that a service is handed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "io/process/descriptor_limit.hpp"
#include "io/process/foreign_process.hpp"
#include "io/process/launcher.hpp"
#include "io/socket/listening_socket.hpp"
#include "support/free_port.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

config::Socket at(const std::string& path) {
    return {.host = {}, .port = 0, .path = path, .name = "u"};
}

PassedSocket passed(const config::Socket& socket) {
    auto opened = open_listening(socket);
    EXPECT_TRUE(opened) << opened.error().detail;
    return {socket, std::make_shared<const UniqueFd>(opened ? std::move(*opened) : UniqueFd())};
}

std::string socket_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? "socket:[" + std::to_string(status.st_ino) + "]" : "";
}

class Handed : public HostTest {
protected:
    // What the script of a service with these sockets wrote.
    std::string said(const std::string& script, PassedSockets sockets, config::Service service = {}) {
        config::Service made = shell("s", script);
        made.process.user = service.process.user;
        made.process.group = service.process.group;
        made.process.environment = service.process.environment;
        host_->launch(ServiceId{1}, Generation{++generation_}, std::make_shared<const config::Service>(made),
                      std::move(sockets));
        EXPECT_TRUE(wait_for<core::Emptied>());
        return log_of("s");
    }
    std::uint64_t generation_ = 0;
};

TEST_F(Handed, FromDescriptorThreeOnWithTheirNames) {
    PassedSockets sockets{passed(at(path("a"))), passed(at(path("b")))};
    sockets[1].socket.name = "web";
    const std::string expected =
        socket_of(sockets[0].fd->get()) + "\n" + socket_of(sockets[1].fd->get()) + "\n";
    EXPECT_EQ(said("readlink /proc/$$/fd/3; readlink /proc/$$/fd/4; ls /proc/$$/fd | tr '\\n' ' '; echo; "
                   "test $LISTEN_PID = $$ && echo $LISTEN_FDS $LISTEN_FDNAMES",
                   sockets),
              expected + "0 1 2 3 4 \n2 u:web\n");
}

TEST_F(Handed, ToNobodyElse) {
    const PassedSocket socket = passed(at(path("a")));
    EXPECT_EQ(said("ls /proc/$$/fd | tr '\\n' ' '; echo ${LISTEN_FDS-none} ${LISTEN_PID-none}", {}),
              "0 1 2 none none\n");
}

TEST_F(Handed, WhateverTheEnvironmentSays) {
    config::Service service;
    service.process.environment = {{"LISTEN_PID", "1"}, {"LISTEN_FDS", "7"}};
    EXPECT_EQ(said("test $LISTEN_PID = $$ && echo $LISTEN_FDS", {passed(at(path("a")))}, service), "1\n");
}

TEST_F(Handed, NotToItsCommands) {
    host_->launch(ServiceId{1}, Generation{1},
                  std::make_shared<const config::Service>(program("s", {"/bin/sleep", "100"})),
                  {passed(at(path("a")))});
    ASSERT_TRUE(wait_for<core::Launched>());
    EXPECT_EQ(run_command({"sh", "-c", "ls /proc/$$/fd | tr '\\n' ' '; echo ${LISTEN_FDS-none}"}).detail,
              "0 1 2 none");
}

TEST_F(Handed, AsItsUsers) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    config::Service service;
    service.process.user = "54321";
    service.process.group = "54322";
    const std::string script = "stat -c '%u %g %a' " + path("a");
    EXPECT_EQ(said(script, {passed(at(path("a")))}, service), "54321 54322 666\n");
}

TEST_F(Handed, FailsWhereItsFileIsGone) {
    const PassedSocket socket = passed(at(path("a")));
    ::unlink(path("a").c_str());
    host_->launch(ServiceId{1}, Generation{1},
                  std::make_shared<const config::Service>(program("s", {"/bin/sleep", "100"})), {socket});
    const auto failure = wait_for<core::LaunchFailed>();
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->stage, "socket");
    EXPECT_EQ(failure->error_number, ENOENT);
}

TEST_F(Handed, LeavesNoDescriptorBehind) {
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(said("true", {passed(at(path("a" + std::to_string(i))))}));
        EXPECT_TRUE(run_until([&] { return open_descriptors() <= before + 2; })) << open_descriptors();
    }
}

// In a child, so that the numbers are free: hands sockets over that have `numbers` in the daemon. 0: each arrived as what
// it should be, from 3 on in this order.
int hand_over(const std::string& folder, const std::vector<int>& numbers) {
    constexpr int high = 200;
    std::vector<UniqueFd> kept;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        auto opened = open_listening(at(folder + "/" + std::to_string(i)));
        if (!opened) return 9;
        kept.emplace_back(::fcntl(opened->get(), F_DUPFD, high));
    }
    for (int number = 3; number < 12; ++number) ::close(number);
    std::string script = "test $LISTEN_PID = $$";
    PassedSockets sockets;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        ::dup2(kept[i].get(), numbers[i]);
        sockets.push_back({{}, std::make_shared<const UniqueFd>(numbers[i])});
        script += " && test $(readlink /proc/$$/fd/" + std::to_string(3 + i) + ") = '" +
                  socket_of(numbers[i]) + "'";
    }
    const bool first_is_free = std::ranges::find(numbers, 3) == numbers.end();
    if (first_is_free) ::dup2(0, 3);  // so that the plan does not take it
    const config::Process process;
    LaunchPlan plan(process, std::make_shared<const Identity>(), {"sh", "-c", script}, "/bin/sh",
                    {"PATH=/bin:/usr/bin", "LISTEN_PID=0000000000"});
    const LaunchDefaults defaults = make_launch_defaults(descriptor_limit());
    if (!plan.complete(process, defaults, -1)) return 8;
    plan.pass(sockets);
    if (first_is_free) ::close(3);
    ChildUnderWay under_way;
    Launcher launcher(under_way);
    const auto pid = launcher.launch(plan);
    int status = -1;
    if (pid) ::waitpid(*pid, &status, 0);
    return status == 0 ? 0 : 1;
}

// One that is to be 3 may be 4, and the other way round, as they come in the daemon; or 3 may be free.
TEST(Launcher, HandsSocketsOverWhateverTheirNumbers) {
    const std::string folder = testing::TempDir() + "dpsup-test-" + std::to_string(::getpid());
    ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
    for (const std::vector<int>& numbers : {std::vector{4, 3, 5}, std::vector{3, 4}, std::vector{5, 4}}) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(hand_over(folder, numbers));
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0) << testing::PrintToString(numbers);
        for (std::size_t i = 0; i < numbers.size(); ++i) ::unlink((folder + "/" + std::to_string(i)).c_str());
    }
    ::rmdir(folder.c_str());
}

TEST_F(Handed, IsFoundInAProcessOfAnEarlierDaemon) {
    const PassedSocket socket = passed(at(path("a")));
    const UniqueFd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const pid_t pid = launch_well(program("s", {"/bin/sleep", "100"}));
    EXPECT_TRUE(host_->listening_sockets(ServiceId{1}).empty()) << "what we launch has what we gave it";
    const pid_t child = ::fork();
    if (child == 0) {
        while (true) ::pause();
    }
    const auto process = ForeignProcess::watch(*context_, ForeignProcess::hold(child), child, {});
    const std::vector<UniqueFd> found = process->listening_sockets();
    const auto none = ForeignProcess::watch(*context_, ForeignProcess::hold(pid), pid, {});
    EXPECT_TRUE(none->listening_sockets().empty());
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (found.empty() && ::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(socket_of(found[0].get()), socket_of(socket.fd->get()));
    EXPECT_NE(::fcntl(found[0].get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_TRUE(process->listening_sockets().empty()) << "it is gone";
}

}  // namespace
}  // namespace dpsup::io
