// All processes of a service, however they were forked: who belongs to it, whether any is left, and how to
// signal or kill them all. Two ways: cgroups (cgroup_tree.hpp), and descendants where there is no cgroup v2
// (descendant_tree.hpp).
//
// A leaf names a tree: "postgres" is the service's, "postgres/dpsup-run.7" that of one command run beside
// it. The service's tree includes those of its commands. Whatever else lies in it the service made itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "io/process/stage.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// The names of commands' trees, within that of their service, begin so.
inline constexpr std::string_view command_prefix = "dpsup-run.";

// Where a child is to be born; both empty without cgroups.
struct Placement {
    UniqueFd directory;
    std::string procs;  // path of its cgroup.procs
};

class ProcessTree {
public:
    // Told on the loop that a tree may have become empty.
    using Changed = std::function<void(const std::string& leaf)>;
    using Warn = std::function<void(const std::string& service, const std::string& message)>;

    ProcessTree() = default;
    virtual ~ProcessTree() = default;
    ProcessTree(const ProcessTree&) = delete;
    ProcessTree& operator=(const ProcessTree&) = delete;

    // That in which all trees lie has gone, and with it every process: nothing can be launched until it is there again.
    [[nodiscard]] virtual bool gone() const { return false; }

    // Before a launch. Stages "cgroup" and "limits".
    [[nodiscard]] virtual Staged<Placement> prepare(const std::string& leaf,
                                                    const config::Limits& limits) = 0;
    // Other limits, for what runs and for later. What cannot be enforced is told by a warning.
    virtual void limit(const std::string& leaf, const config::Limits& limits) = 0;
    // A child of ours was launched into the tree; `output_fd` is its output, and may help to know its
    // descendants.
    virtual void started(const std::string& leaf, pid_t pid, int output_fd) = 0;
    // A process that an earlier daemon launched into the tree, or 0 where its main process is gone. What commands of
    // that daemon left there is killed.
    virtual void adopted(const std::string& leaf, const config::Limits& limits, pid_t pid) = 0;
    // What an earlier daemon left in the tree.
    [[nodiscard]] virtual std::vector<pid_t> left_behind(const std::string& leaf) = 0;
    // Kills what is left of an earlier daemon in trees that nobody has adopted.
    virtual void kill_unclaimed() = 0;
    // That child, or adopted process, has ended.
    virtual void ended(const std::string& leaf, pid_t pid) = 0;

    [[nodiscard]] virtual bool empty(const std::string& leaf) = 0;
    // Whether an instance may be launched into it. As empty(), but what may be anybody's is not taken for a part of a tree
    // that was empty when it was last looked at.
    [[nodiscard]] virtual bool vacant(const std::string& leaf) { return empty(leaf); }
    // Whether the last of it may end without that anybody is told: it is no child of ours.
    [[nodiscard]] virtual bool ends_unheard(const std::string& /*leaf*/) const { return false; }
    [[nodiscard]] virtual bool contains(const std::string& leaf, pid_t pid) = 0;
    virtual void signal(const std::string& leaf, int signal) = 0;
    // SIGKILL to all. Where it cannot be done at one stroke, it is to be repeated whenever a process has
    // ended.
    virtual void kill(const std::string& leaf) = 0;
    // Gives back what is held for an empty tree. False: something is still in it.
    virtual bool remove(const std::string& leaf) = 0;

    // How often the kernel's OOM killer has struck there, ever.
    [[nodiscard]] virtual std::uint64_t oom_kills(const std::string& leaf) = 0;
};

}  // namespace dpsup::io
