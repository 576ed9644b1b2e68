// What happens between clone and exec. The child shares the daemon's memory until it execs, while the daemon
// stands still; so the child only makes system calls, on values that the parent has laid out before, and
// writes how far it came into the plan itself. No allocation, no lock, no library call that could signal the
// daemon's threads.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dpsup::io {

// What the child was doing when it failed; `none` once it has reached exec.
enum class ChildStage : std::uint8_t {
    none,
    cgroup,
    session,
    output,
    sockets,
    oom_score_adj,
    nice,
    rlimit,
    capabilities,
    groups,
    group,
    user,
    working_dir,
    no_new_privs,
    exec,
};

[[nodiscard]] std::string_view to_string(ChildStage stage);

struct RlimitSetting {
    int resource = 0;
    rlimit64 value{};
};

// Plain values and pointers into what LaunchPlan owns.
struct ChildPlan {
    const char* path = nullptr;
    const char* const* arguments = nullptr;
    const char* const* environment = nullptr;
    const char* directory = "/";
    int stdin_fd = -1;
    int output_fd = -1;
    int* sockets = nullptr;  // to be descriptors 3 and up; the child moves them out of each other's way first
    unsigned socket_count = 0;
    char* listen_pid =
        nullptr;  // in the environment, with room for a pid's digits: only the child knows them
    const char* cgroup_procs = nullptr;  // to be written where the clone could not place the child
    const char* oom_score_adj = nullptr;
    bool oom_score_adj_must = false;  // configured, not merely a reset
    bool set_nice = false;
    int nice = 0;
    const RlimitSetting* rlimits = nullptr;
    std::size_t rlimit_count = 0;
    mode_t umask = 0022;
    bool set_groups = false;
    const gid_t* groups = nullptr;
    std::size_t group_count = 0;
    bool set_ids = false;
    uid_t uid = 0;
    gid_t gid = 0;
    bool set_capabilities = false;
    std::uint64_t capabilities = 0;  // one bit each
    bool no_new_privs = false;

    // Written by the child.
    bool born = false;  // it ran at all
    bool reached_exec = false;
    ChildStage failed_stage = ChildStage::none;
    int failed_errno = 0;
    std::size_t failed_index = 0;  // which rlimit
};

// Puts everything of the plan but exec into effect. False: plan.failed_stage and failed_errno say why.
[[nodiscard]] bool set_up_child(ChildPlan& plan) noexcept;

}  // namespace dpsup::io
