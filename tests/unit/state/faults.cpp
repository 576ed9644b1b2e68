#include "unit/state/faults.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <map>

// The linker gives these names. NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
int __real_open(const char* path, int flags, ...);
ssize_t __real_write(int fd, const void* data, size_t size);
ssize_t __real_pwrite(int fd, const void* data, size_t size, off_t offset);
int __real_fsync(int fd);
int __real_rename(const char* from, const char* to);
int __real_ftruncate(int fd, off_t size);
int __real_unlink(const char* path);
int __real_mkdir(const char* path, mode_t mode);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace dpsup::test {
namespace {

struct State {
    bool armed = false;
    Plan plan;
    int calls = 0;
    std::string trace;
    bool next_write_fails = false;
    std::map<ino_t, int> unsynced;  // a descriptor of our own each, since the file may be closed unsynced
};
State& state() {
    static State one;
    return one;
}

ino_t inode_of(int fd) {
    struct stat info{};
    return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

// What the disk may hold of a file that was never synced: nothing.
[[noreturn]] void lose_unsynced() {
    for (const auto& [inode, fd] : state().unsynced) (void)__real_ftruncate(fd, 0);
    ::_exit(0);
}

// True: the call is to fail, with errno set. Ends the process where that is the plan.
bool goes_wrong(const char* name) {
    State& now = state();
    if (!now.armed) return false;
    ++now.calls;
    now.trace += (now.trace.empty() ? "" : " ") + std::string(name);
    const bool here = now.calls == now.plan.at;
    if (here && now.plan.fault == Fault::die) ::_exit(0);
    if (here && now.plan.fault == Fault::power_loss) lose_unsynced();
    const bool full = now.plan.fault == Fault::full && now.calls >= now.plan.at;
    if (!full && !(here && now.plan.fault == Fault::fails)) return false;
    errno = now.plan.error;
    return true;
}

// How much of a write comes about; -1: it fails.
ssize_t part_of(size_t size) {
    State& now = state();
    if (goes_wrong("write")) return -1;
    if (!now.armed) return static_cast<ssize_t>(size);
    if (now.next_write_fails) {
        now.next_write_fails = false;
        errno = now.plan.error;
        return -1;
    }
    if (now.calls != now.plan.at) return static_cast<ssize_t>(size);
    const bool halved = now.plan.fault == Fault::half || now.plan.fault == Fault::fails_half ||
                        now.plan.fault == Fault::die_half;
    now.next_write_fails = now.plan.fault == Fault::fails_half;
    return static_cast<ssize_t>(halved ? size / 2 : size);
}

ssize_t written(int fd, ssize_t result) {
    State& now = state();
    if (!now.armed) return result;
    if (now.plan.fault == Fault::power_loss) now.unsynced.try_emplace(inode_of(fd), ::dup(fd));
    if (now.plan.fault == Fault::die_half && now.calls == now.plan.at) ::_exit(0);
    return result;
}

}  // namespace

void arm(const Plan& plan) {
    state() = State{.armed = true, .plan = plan, .trace = {}, .unsynced = {}};
}

void disarm() {
    state().armed = false;
}

int calls() {
    return state().calls;
}

std::string trace() {
    return state().trace;
}

void in_child(const Plan& plan, const std::function<void()>& action) {
    const pid_t child = ::fork();
    if (child == 0) {
        arm(plan);
        action();
        if (plan.fault == Fault::power_loss) lose_unsynced();
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
}

}  // namespace dpsup::test

// What the linker puts in the place of the C library's. NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

int __wrap_open(const char* path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return dpsup::test::goes_wrong("open") ? -1 : __real_open(path, flags, mode);
}

ssize_t __wrap_write(int fd, const void* data, size_t size) {
    const ssize_t part = dpsup::test::part_of(size);
    if (part < 0) return -1;
    return dpsup::test::written(fd, __real_write(fd, data, static_cast<size_t>(part)));
}

ssize_t __wrap_pwrite(int fd, const void* data, size_t size, off_t offset) {
    const ssize_t part = dpsup::test::part_of(size);
    if (part < 0) return -1;
    return dpsup::test::written(fd, __real_pwrite(fd, data, static_cast<size_t>(part), offset));
}

int __wrap_fsync(int fd) {
    if (dpsup::test::goes_wrong("fsync")) return -1;
    dpsup::test::state().unsynced.erase(dpsup::test::inode_of(fd));
    return __real_fsync(fd);
}

int __wrap_rename(const char* from, const char* to) {
    return dpsup::test::goes_wrong("rename") ? -1 : __real_rename(from, to);
}

int __wrap_ftruncate(int fd, off_t size) {
    return dpsup::test::goes_wrong("ftruncate") ? -1 : __real_ftruncate(fd, size);
}

int __wrap_unlink(const char* path) {
    return dpsup::test::goes_wrong("unlink") ? -1 : __real_unlink(path);
}

int __wrap_mkdir(const char* path, mode_t mode) {
    return dpsup::test::goes_wrong("mkdir") ? -1 : __real_mkdir(path, mode);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
