// Processes and their kinship, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dpsup::io {

struct ProcEntry {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t session = 0;
    std::uint64_t start = 0;  // in clock ticks since boot: with the pid it names a process for good
    char state = '?';
    int threads = 1;
    // It is past the point of return: without memory and soon without descriptors, so that its environment and its output
    // cannot be read any more; but its children are still its own, and what it held may still be held.
    bool ending = false;
    bool execed = false;  // since it was forked
    std::string name;     // of its program; of what it was forked from, where it has not exec'd
    int exit_status = 0;  // as of wait(2); only where it has ended, is not reaped yet, and we may look
    // All of its threads: the first one may end before the others.
    [[nodiscard]] bool ended() const { return state == 'X' || (state == 'Z' && threads <= 1); }
};

// 0; ESRCH or ENOENT where there is no such process; another errno where nobody can tell.
[[nodiscard]] int look_at_process(pid_t pid, ProcEntry& entry);

// False where there is no such process, or it cannot be looked at.
[[nodiscard]] bool read_proc_entry(pid_t pid, ProcEntry& entry);

[[nodiscard]] std::vector<pid_t> all_processes();

// The direct children of this process, also those that have ended.
[[nodiscard]] std::vector<pid_t> own_children();

// The value of `name` in the environment with which the process was exec'd; empty where it cannot be read.
[[nodiscard]] std::string environment_value(pid_t pid, const std::string& name);

// For people: "12 (sleep 100), 13 (cat) and 7 more".
[[nodiscard]] std::string described(const std::vector<pid_t>& processes);

// Those of which `root` is an ancestor, without itself. They may fork meanwhile: look again until nothing new
// comes.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t root);

}  // namespace dpsup::io
