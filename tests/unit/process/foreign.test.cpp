// A process that is no child of ours: how it ended is told where it can be known, and is `unknown` elsewhere.
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "io/process/foreign_process.hpp"

namespace dpsup::io {
namespace {

// A parent that is not us, and its child, which ends when it is told to. The parent reaps it when it is told to.
class Foreign : public testing::Test {
protected:
    void begin(uid_t user, int code, int signal) {
        std::array<int, 2> born{};
        ASSERT_EQ(::pipe(born.data()), 0);
        ASSERT_EQ(::pipe(go_.data()), 0);
        ASSERT_EQ(::pipe(reap_.data()), 0);
        ASSERT_EQ(::pipe(reaped_.data()), 0);
        parent_ = ::fork();
        if (parent_ == 0) {
            char byte = 0;
            const pid_t child = ::fork();
            if (child == 0) {
                if (user != 0 && ::setuid(user) != 0) ::_exit(99);
                (void)!::read(go_[0], &byte, 1);
                if (signal != 0) ::raise(signal);
                ::_exit(code);
            }
            (void)!::write(born[1], &child, sizeof child);
            (void)!::read(reap_[0], &byte, 1);
            ::waitpid(child, nullptr, 0);
            (void)!::write(reaped_[1], "x", 1);
            for (;;) ::pause();
        }
        ASSERT_EQ(::read(born[0], &pid_, sizeof pid_), static_cast<ssize_t>(sizeof pid_));
        UniqueFd held = ForeignProcess::hold(pid_);
        ASSERT_TRUE(held);
        watched_ = ForeignProcess::watch(context_, std::move(held), pid_,
                                         [this](const core::Exited& exited) { exited_ = exited; });
    }
    void end() { ASSERT_EQ(::write(go_[1], "x", 1), 1); }
    void reap() {
        char byte = 0;
        ASSERT_EQ(::write(reap_[1], "x", 1), 1);
        ASSERT_EQ(::read(reaped_[0], &byte, 1), 1);
    }
    std::optional<core::Exited> hear() {
        context_.run_for(std::chrono::seconds(10));
        return exited_;
    }
    void TearDown() override {
        if (parent_ <= 0) return;
        ::kill(parent_, SIGKILL);
        ::waitpid(parent_, nullptr, 0);
    }

    boost::asio::io_context context_;
    std::unique_ptr<ForeignProcess> watched_;
    std::optional<core::Exited> exited_;
    pid_t parent_ = 0;
    pid_t pid_ = 0;

private:
    std::array<int, 2> go_{};
    std::array<int, 2> reap_{};
    std::array<int, 2> reaped_{};
};

// By the kernel's version and not by the question itself, which this is to test.
bool tells_exits() {
    utsname name{};
    if (::uname(&name) != 0) return false;
    char* rest = nullptr;
    const long major = std::strtol(name.release, &rest, 10);
    const long minor = *rest == '.' ? std::strtol(rest + 1, nullptr, 10) : 0;
    return major > 6 || (major == 6 && minor >= 15);
}

TEST_F(Foreign, TellsHowItEndedWhileNobodyHasReapedIt) {
    begin(0, 7, 0);
    end();
    EXPECT_EQ(hear(), (core::Exited{.kind = core::ExitKind::exited, .code = 7}));
}

TEST_F(Foreign, TellsHowItEndedAfterItWasReaped) {
    if (!tells_exits()) GTEST_SKIP() << "this kernel is older than 6.15, and does not tell (PIDFD_GET_INFO)";
    begin(0, 7, 0);
    end();
    reap();
    EXPECT_EQ(hear(), (core::Exited{.kind = core::ExitKind::exited, .code = 7}));
}

TEST_F(Foreign, TellsOfTheSignalAfterItWasReaped) {
    if (!tells_exits()) GTEST_SKIP() << "this kernel is older than 6.15, and does not tell (PIDFD_GET_INFO)";
    begin(0, 0, SIGKILL);
    end();
    reap();
    EXPECT_EQ(hear(), (core::Exited{.kind = core::ExitKind::signaled, .code = SIGKILL}));
}

// What /proc shows to those who may not look is 0, which is no exit code.
TEST_F(Foreign, IsUnknownWhereWeMayNotLook) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to have a process of another user";
    constexpr uid_t nobody = 65534;
    begin(nobody, 7, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> own{};
    ASSERT_EQ(::syscall(SYS_capget, &header, own.data()), 0);
    auto less = own;
    less[0].effective &= ~(1U << CAP_SYS_PTRACE);
    ASSERT_EQ(::syscall(SYS_capset, &header, less.data()), 0);
    end();
    const auto exited = hear();
    ASSERT_EQ(::syscall(SYS_capset, &header, own.data()), 0);
    EXPECT_EQ(exited, (core::Exited{.kind = core::ExitKind::unknown}));
}

}  // namespace
}  // namespace dpsup::io
