// A disk that does not answer, as NFS does without its server: no end waits for it. The kernel holds a call of dpsupd's
// for as long as nobody answers whoever asked to be told of it (seccomp_unotify(2)), which nobody does here.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::uint32_t any = 0xffffffff;

// From now on `call` hangs, where its third argument is `argument`.
bool let_hang(std::uint32_t call, std::uint32_t argument = any) {
    const std::uint8_t others = argument == any ? 0 : 1;
    std::array<sock_filter, 6> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, others),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{program.size(), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    const auto teller =
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    // Where it is closed, the call fails.
    return teller >= 0 && ::fcntl(static_cast<int>(teller), F_SETFD, 0) == 0;
}

bool can_let_hang() {
    const std::uint32_t action = SECCOMP_RET_USER_NOTIF;
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

class HangingDisk : public ::testing::Test {
protected:
    void SetUp() override {
        if (!can_let_hang()) GTEST_SKIP() << "this kernel cannot hold a call up";
    }
};

constexpr const char* two = "[service.x]\ncommand = \"@ACTOR@\"\n[service.off]\ncommand = \"@ACTOR@\"\n";

TEST_F(HangingDisk, DoesNotKeepTheStateFromEnding) {
    Daemon daemon(two, {.before_exec = [] { return let_hang(__NR_fsync); }});
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_TRUE(daemon.ctl({"stop", "off"}, 1s).timed_out) << "it must wait for the disk";
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value()) << "it waits for ever";
    EXPECT_EQ(end->code, 0);
    EXPECT_THAT(daemon.log(), HasSubstr("what was last wanted of off is not saved"));
}

TEST_F(HangingDisk, DoesNotKeepAnApplyFromEnding) {
    bool hang = false;
    // As only the configuration is opened.
    const auto prepare = [&] {
        return !hang || let_hang(__NR_openat, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    };
    Daemon daemon(two, {.before_exec = prepare});
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    hang = true;  // the next one goes on with what is on record, and opens nothing
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    EXPECT_TRUE(daemon.ctl({"apply"}, 1s).timed_out) << "it must wait for the files";
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value()) << "it waits for ever";
    EXPECT_EQ(end->code, 0);
}

bool is_in_call(pid_t pid, std::uint32_t call) {
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    return std::ranges::any_of(std::filesystem::directory_iterator(tasks), [&](const auto& thread) {
        return read_file(thread.path() / "syscall").starts_with(std::to_string(call) + " ");
    });
}

TEST_F(HangingDisk, DoesNotKeepTheRotationOfALogFromEnding) {
    Daemon daemon(R"([service.x]
command = ["sh", "-c", "while echo line; do sleep 0.001; done"]
log = { target = "file", max_size = "4KiB" }
)",
                  {.before_exec = [] { return let_hang(__NR_copy_file_range); }});
    ASSERT_TRUE(eventually([&] { return is_in_call(daemon.pid(), __NR_copy_file_range); }));
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value()) << "it waits for ever";
    EXPECT_EQ(end->code, 0);
}

}  // namespace
}  // namespace dpsup::test
