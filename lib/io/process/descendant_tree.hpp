// Trees without cgroups: the descendants of a service's main process, and the orphans that the kernel handed
// to us as their subreaper. setsid(), double forks and the death of any ancestor do not hide a process. An
// orphan is known by its session, by the mark in its environment, or by writing to the service's output; one
// that has shed all three cannot be told from others and is left alone. While it ends it bears none of them: so it is
// kept in mind from when it was first seen, and nothing counts as empty while a stranger ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/process/proc_entry.hpp"
#include "io/process/process_tree.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

class DescendantTree final : public ProcessTree {
public:
    // `instance` as in LaunchDefaults: the environment of a process of `leaf` has
    // DPSUP_INSTANCE=<instance>/<leaf>.
    DescendantTree(std::string instance, Warn warn);

    [[nodiscard]] Staged<Placement> prepare(const std::string& leaf, const config::Limits& limits) override;
    void limit(const std::string& leaf, const config::Limits& limits) override;
    void started(const std::string& leaf, pid_t pid, int output_fd) override;
    void adopted(const std::string& leaf, const config::Limits& limits, pid_t pid) override;
    [[nodiscard]] std::vector<pid_t> left_behind(const std::string& leaf) override;
    void kill_unclaimed() override;
    void ended(const std::string& leaf, pid_t pid) override;
    [[nodiscard]] bool empty(const std::string& leaf) override;
    [[nodiscard]] bool vacant(const std::string& leaf) override;
    [[nodiscard]] bool ends_unheard(const std::string& leaf) const override;
    [[nodiscard]] bool contains(const std::string& leaf, pid_t pid) override;
    void signal(const std::string& leaf, int signal) override;
    void kill(const std::string& leaf) override;
    bool remove(const std::string& leaf) override;
    [[nodiscard]] std::uint64_t oom_kills(const std::string& leaf) override;

private:
    struct Launch {
        pid_t pid = 0;  // also its session
        bool running = false;
        dev_t output_device = 0;
        ino_t output_inode = 0;
    };

    struct Orphan {
        std::uint64_t start = 0;
        std::string leaf;
    };

    // `entry` is what it was after its marks had been read: of no number where there is no such process.
    [[nodiscard]] std::string owner_of_orphan(pid_t pid, ProcEntry& entry) const;
    // Brings orphans_ up to date. False: more may have come, or somebody ends whose owner cannot be told; a child will be
    // reaped soon, and then is the time to look again.
    [[nodiscard]] bool look_for_orphans();
    void search_for_orphans(const std::string& leaf);
    // The leaf that it was launched into, by its environment; empty: none of ours.
    [[nodiscard]] std::string marked_as(pid_t pid) const;
    [[nodiscard]] bool is_patience_over(pid_t stranger, std::uint64_t start);
    [[nodiscard]] std::vector<pid_t> orphans_of(const std::string& leaf) const;
    [[nodiscard]] std::vector<pid_t> members(const std::string& leaf);
    [[nodiscard]] std::vector<pid_t> roots_of(const std::string& leaf) const;

    std::string instance_;
    std::set<std::string>
        adopted_;  // leaves in which an earlier daemon launched something; until kill_unclaimed()
    // What runs with our mark, by leaf, when it was last searched for.
    std::optional<std::unordered_map<std::string, std::vector<pid_t>>> marked_;
    bool adoption_ended_ = false;
    // Services of which an earlier daemon may have left something that is no descendant of ours: all processes are
    // searched for it, until nothing is left.
    std::set<std::string> orphaned_elsewhere_;
    // Of an earlier daemon, and not gone when we had waited long enough. While it dies it bears no mark any more.
    struct Killed {
        std::string service;
        UniqueFd held;
    };
    std::vector<Killed> killed_;
    Warn warn_;
    std::unordered_map<std::string, std::vector<Launch>> launches_;
    std::unordered_map<pid_t, std::string> roots_;  // running children that we launched
    std::unordered_map<pid_t, Orphan> orphans_;     // that lived when we last looked
    // Of whom nobody can tell whose they are, since they are ending: by pid, when they were born and first seen so.
    std::unordered_map<pid_t, std::pair<std::uint64_t, std::chrono::steady_clock::time_point>> strangers_;
};

}  // namespace dpsup::io
