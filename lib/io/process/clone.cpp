#include "io/process/clone.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace dpsup::io {
namespace {

constexpr std::uint64_t clone_into_cgroup = 0x200000000ULL;

// The child's return address is on its own stack, so it can leave through neither a compiler's epilogue nor
// libc.
[[noreturn]] void exit_child(int code) {
    for (;;) ::syscall(SYS_exit_group, code);
}

struct Entry {
    ChildFunction function;
    void* argument;
};

int enter(void* pointer) {
    const auto* entry = static_cast<const Entry*>(pointer);
    exit_child(entry->function(entry->argument));
}

// -errno, or the pid in the parent. In the child, `enter` runs on the new stack and does not return.
long clone3_call(const clone_args& arguments, Entry& entry) {
#if defined(__x86_64__)
    long result = 0;
    register auto* function asm("r12") = &enter;
    register auto* argument asm("r13") = &entry;
    asm volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t"
        "movq %%r13, %%rdi\n\t"
        "callq *%%r12\n\t"
        "ud2\n"
        "1:"
        : "=a"(result)
        : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof arguments), "r"(function), "r"(argument)
        : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long number asm("x8") = SYS_clone3;
    register const clone_args* first asm("x0") = &arguments;
    register unsigned long second asm("x1") = sizeof arguments;
    register auto* function asm("x20") = &enter;
    register auto* argument asm("x21") = &entry;
    asm volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "mov x0, x21\n\t"
        "blr x20\n\t"
        "brk #1\n"
        "1:"
        : "+r"(first)
        : "r"(second), "r"(number), "r"(function), "r"(argument)
        : "memory", "cc");
    return reinterpret_cast<long>(first);
#else
    static_cast<void>(arguments);
    static_cast<void>(entry);
    return -ENOSYS;
#endif
}

// Blocks every signal, also those that libc keeps to itself, so that no handler of ours runs in the child.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_, &before_, sizeof all_); }
    ~AllSignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    std::uint64_t all_ = ~0ULL;
    std::uint64_t before_ = 0;
};

long with_clone3(ChildStack& stack, int cgroup_fd, Entry& entry, pid_t* pid_place) {
    clone_args arguments{};
    arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID;
    arguments.parent_tid = reinterpret_cast<std::uint64_t>(pid_place);
    arguments.exit_signal = SIGCHLD;
    arguments.stack = reinterpret_cast<std::uint64_t>(stack.base());
    arguments.stack_size = ChildStack::size;
    if (cgroup_fd >= 0) {
        arguments.flags |= clone_into_cgroup;
        arguments.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    }
    return clone3_call(arguments, entry);
}

long with_clone(ChildStack& stack, Entry& entry, pid_t* pid_place) {
    constexpr int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD;
    const int pid = ::clone(&enter, stack.top(), flags, &entry, pid_place);
    return pid < 0 ? -errno : pid;
}

// An old kernel, or a filter that does not know clone3 or one of its flags.
bool unsupported(long result) {
    return result == -ENOSYS || result == -EPERM || result == -EINVAL || result == -E2BIG;
}

}  // namespace

ChildStack::ChildStack() {
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory != MAP_FAILED) base_ = memory;
}

ChildStack::~ChildStack() {
    if (base_ != nullptr) ::munmap(base_, size);
}

CloneResult clone_child(ChildStack& stack, int cgroup_fd, ChildFunction function, void* argument,
                        pid_t* pid_place) {
    if (!stack.valid()) return {.error_number = ENOMEM};
    Entry entry{function, argument};
    CloneResult result;
    const AllSignalsBlocked blocked;
    long answer = with_clone3(stack, cgroup_fd, entry, pid_place);
    result.placed = cgroup_fd >= 0 && answer > 0;
    if (unsupported(answer) && cgroup_fd < 0) answer = with_clone(stack, entry, pid_place);
#if defined(__SANITIZE_ADDRESS__)
    // The child left without unwinding; what it had poisoned for its frames is free again.
    __asan_unpoison_memory_region(stack.base(), ChildStack::size);
#endif
    if (answer > 0)
        result.pid = static_cast<pid_t>(answer);
    else
        result.error_number = static_cast<int>(-answer);
    return result;
}

}  // namespace dpsup::io
