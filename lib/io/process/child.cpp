#include "io/process/child.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

namespace dpsup::io {
namespace {

// glibc's wrappers of the id calls would make every thread of the daemon change its ids too.
template <class... Arguments>
long raw(long number, Arguments... arguments) noexcept {
    return ::syscall(number, arguments...);
}

bool failed(ChildPlan& plan, ChildStage stage) noexcept {
    plan.failed_errno = errno;
    plan.failed_stage = stage;
    return false;
}

// The kernel's own form of struct sigaction, all zero: SIG_DFL.
struct KernelSigaction {
    unsigned long words[4 + 128 / sizeof(unsigned long)] = {};
};

constexpr std::size_t kernel_sigset_size = 8;

// In decimal digits, without a library call.
void write_number(char* place, unsigned number) noexcept {
    unsigned unit = 1;
    while (number / unit >= 10) unit *= 10;
    for (; unit > 0; unit /= 10) *place++ = static_cast<char>('0' + number / unit % 10);
    *place = '\0';
}

// A service must not inherit what the daemon ignores (SIGPIPE) or handles.
void reset_signals() noexcept {
    const KernelSigaction standard{};
    for (int signal = 1; signal <= 64; ++signal) {
        if (signal != SIGKILL && signal != SIGSTOP)
            raw(SYS_rt_sigaction, signal, &standard, nullptr, kernel_sigset_size);
    }
}

bool write_file(const char* path, const char* text) noexcept {
    const int fd = static_cast<int>(raw(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0));
    if (fd < 0) return false;
    std::size_t length = 0;
    while (text[length] != '\0') ++length;
    const bool written = raw(SYS_write, fd, text, length) == static_cast<long>(length);
    const int error = errno;
    raw(SYS_close, fd);
    errno = error;
    return written;
}

constexpr unsigned first_socket = 3;  // SD_LISTEN_FDS_START

// What must become 3 may now be 4, and the other way round: first all go where none belongs.
bool set_up_sockets(ChildPlan& plan) noexcept {
    const unsigned above = first_socket + plan.socket_count;
    for (unsigned i = 0; i < plan.socket_count; ++i) {
        plan.sockets[i] = static_cast<int>(raw(SYS_fcntl, plan.sockets[i], F_DUPFD_CLOEXEC, above));
        if (plan.sockets[i] < 0) return false;
    }
    for (unsigned i = 0; i < plan.socket_count; ++i)
        if (raw(SYS_dup3, plan.sockets[i], first_socket + i, 0) < 0) return false;
    if (plan.listen_pid != nullptr) write_number(plan.listen_pid, static_cast<unsigned>(raw(SYS_getpid)));
    return true;
}

bool set_up_descriptors(ChildPlan& plan) noexcept {
    if (raw(SYS_dup3, plan.stdin_fd, 0, 0) < 0 || raw(SYS_dup3, plan.output_fd, 1, 0) < 0 ||
        raw(SYS_dup3, plan.output_fd, 2, 0) < 0)
        return failed(plan, ChildStage::output);
    if (!set_up_sockets(plan)) return failed(plan, ChildStage::sockets);
    // Everything of ours is close-on-exec already; but a child that hangs before its exec (a directory on a file system
    // that does not answer) would hold copies of our locks and our socket beyond our death. Kernels before 5.9 cannot.
    raw(SYS_close_range, first_socket + plan.socket_count, ~0U, 0);
    return true;
}

bool set_rlimits(ChildPlan& plan) noexcept {
    for (std::size_t i = 0; i < plan.rlimit_count; ++i) {
        plan.failed_index = i;
        if (raw(SYS_prlimit64, 0, plan.rlimits[i].resource, &plan.rlimits[i].value, nullptr) != 0)
            return false;
    }
    return true;
}

bool drop_bounding_set(std::uint64_t keep) noexcept {
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((keep >> capability & 1U) != 0) continue;
        if (raw(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        return errno == EINVAL;  // past the last one that this kernel knows
    }
    return true;
}

bool set_capability_sets(std::uint64_t wanted) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2]{};
    for (unsigned half = 0; half < 2; ++half) {
        const auto bits = static_cast<std::uint32_t>(wanted >> (32 * half));
        sets[half] = {bits, bits, bits};
    }
    return raw(SYS_capset, &header, sets) == 0;
}

bool raise_ambient(std::uint64_t wanted) noexcept {
    if (raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((wanted >> capability & 1U) != 0 &&
            raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
            return false;
    }
    return true;
}

bool set_ids(ChildPlan& plan) noexcept {
    if (plan.set_groups && raw(SYS_setgroups, plan.group_count, plan.groups) != 0)
        return failed(plan, ChildStage::groups);
    if (!plan.set_ids) return true;
    if (raw(SYS_setresgid, plan.gid, plan.gid, plan.gid) != 0) return failed(plan, ChildStage::group);
    if (raw(SYS_setresuid, plan.uid, plan.uid, plan.uid) != 0) return failed(plan, ChildStage::user);
    return true;
}

// The bounding set must go while we may still drop it; the others only last across the change of user when
// kept.
bool set_credentials(ChildPlan& plan) noexcept {
    const bool keep = plan.set_capabilities && plan.capabilities != 0;
    if (plan.set_capabilities && !drop_bounding_set(plan.capabilities))
        return failed(plan, ChildStage::capabilities);
    if (keep && raw(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return failed(plan, ChildStage::capabilities);
    if (!set_ids(plan)) return false;
    if (!plan.set_capabilities) return true;
    if (!set_capability_sets(plan.capabilities) || !raise_ambient(plan.capabilities))
        return failed(plan, ChildStage::capabilities);
    if (keep) raw(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
    return true;
}

bool set_priorities(ChildPlan& plan) noexcept {
    if (plan.oom_score_adj != nullptr && !write_file("/proc/self/oom_score_adj", plan.oom_score_adj) &&
        plan.oom_score_adj_must)
        return failed(plan, ChildStage::oom_score_adj);
    if (plan.set_nice && raw(SYS_setpriority, PRIO_PROCESS, 0, plan.nice) != 0)
        return failed(plan, ChildStage::nice);
    if (!set_rlimits(plan)) return failed(plan, ChildStage::rlimit);
    return true;
}

}  // namespace

std::string_view to_string(ChildStage stage) {
    switch (stage) {
        case ChildStage::none:
            return "none";
        case ChildStage::cgroup:
            return "cgroup";
        case ChildStage::session:
            return "session";
        case ChildStage::output:
            return "output";
        case ChildStage::sockets:
            return "socket";
        case ChildStage::oom_score_adj:
            return "oom_score_adj";
        case ChildStage::nice:
            return "nice";
        case ChildStage::rlimit:
            return "rlimit";
        case ChildStage::capabilities:
            return "capabilities";
        case ChildStage::groups:
            return "groups";
        case ChildStage::group:
            return "group";
        case ChildStage::user:
            return "user";
        case ChildStage::working_dir:
            return "working directory";
        case ChildStage::no_new_privs:
            return "no_new_privs";
        case ChildStage::exec:
            return "exec";
    }
    return "?";
}

bool set_up_child(ChildPlan& plan) noexcept {
    plan.born = true;
    reset_signals();
    if (plan.cgroup_procs != nullptr && !write_file(plan.cgroup_procs, "0"))
        return failed(plan, ChildStage::cgroup);
    if (raw(SYS_setsid) < 0) return failed(plan, ChildStage::session);
    raw(SYS_umask, plan.umask);
    if (!set_up_descriptors(plan)) return false;
    if (!set_priorities(plan) || !set_credentials(plan)) return false;
    if (raw(SYS_chdir, plan.directory) != 0) return failed(plan, ChildStage::working_dir);
    if (plan.no_new_privs && raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed(plan, ChildStage::no_new_privs);
    const std::uint64_t nothing_blocked = 0;
    raw(SYS_rt_sigprocmask, SIG_SETMASK, &nothing_blocked, nullptr, kernel_sigset_size);
    return true;
}

}  // namespace dpsup::io
