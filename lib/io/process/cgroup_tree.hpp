// Trees as cgroups: the kernel keeps track of every process, tells when a tree is empty, and kills it at one
// stroke.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "io/inotify.hpp"
#include "io/process/cgroup_limits.hpp"
#include "io/process/process_tree.hpp"

namespace dpsup::io {

class CgroupTree final : public ProcessTree {
public:
    // Creates `root` where it is missing. Fails where `root` is not in a cgroup v2 hierarchy that we may use.
    [[nodiscard]] static Result<std::unique_ptr<CgroupTree>> open(std::string root, Inotify& inotify,
                                                                  Changed changed, Warn warn);
    ~CgroupTree() override;  // removes the trees that are empty

    [[nodiscard]] bool gone() const override;
    [[nodiscard]] Staged<Placement> prepare(const std::string& leaf, const config::Limits& limits) override;
    void limit(const std::string& leaf, const config::Limits& limits) override;
    void started(const std::string& leaf, pid_t pid, int output_fd) override;
    void adopted(const std::string& leaf, const config::Limits& limits, pid_t pid) override;
    [[nodiscard]] std::vector<pid_t> left_behind(const std::string& leaf) override;
    void kill_unclaimed() override;
    void ended(const std::string& leaf, pid_t pid) override;
    [[nodiscard]] bool empty(const std::string& leaf) override;
    [[nodiscard]] bool contains(const std::string& leaf, pid_t pid) override;
    void signal(const std::string& leaf, int signal) override;
    void kill(const std::string& leaf) override;
    bool remove(const std::string& leaf) override;
    [[nodiscard]] std::uint64_t oom_kills(const std::string& leaf) override;

    // For tests: as on a kernel before 5.14, which has no cgroup.kill.
    void kill_one_by_one() { one_by_one_ = true; }

private:
    struct Leaf {
        Inotify::Watch watch = Inotify::none;
        std::optional<config::Limits> limits = config::Limits{};  // none: some could not be set
        cgroup::GivenLimits given;
        bool killed = false;  // cgroup.kill was written
    };

    CgroupTree(std::string root, Inotify& inotify, Changed changed, Warn warn);
    [[nodiscard]] std::string directory_of(const std::string& leaf) const;
    void renew_if_killed(const std::string& leaf);
    [[nodiscard]] Staged<void> create(const std::string& leaf);
    [[nodiscard]] std::vector<cgroup::LimitFailure> set_limits(const std::string& leaf,
                                                               const config::Limits& limits);
    void kill_in(const std::string& directory) const;

    std::string root_;
    Inotify& inotify_;
    Changed changed_;
    Warn warn_;
    bool one_by_one_ = false;
    std::optional<cgroup::GivenLimits> possible_limits_;  // of any leaf; known during the adoption
    std::unordered_map<std::string, Leaf> leaves_;
};

}  // namespace dpsup::io
