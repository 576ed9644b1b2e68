// The child of a launch that is not over yet, so that another thread can signal it. The kernel writes its number
// before it runs.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <mutex>

namespace dpsup::io {

class ChildUnderWay {
public:
    // For the kernel to write to; only while a launch is under way.
    [[nodiscard]] pid_t* place() { return &pid_; }

    // The launch is over: from here on the child may be reaped, and its number be another's.
    void over() {
        const std::lock_guard lock(mutex_);
        load().store(0);
    }
    void forget(pid_t pid) {
        const std::lock_guard lock(mutex_);
        load().compare_exchange_strong(pid, 0);
    }
    void signal(int signal) {
        const std::lock_guard lock(mutex_);
        const pid_t pid = load().load();
        if (pid > 0) ::kill(pid, signal);
    }

private:
    [[nodiscard]] std::atomic_ref<pid_t> load() { return std::atomic_ref<pid_t>(pid_); }

    std::mutex mutex_;
    pid_t pid_ = 0;
};

}  // namespace dpsup::io
