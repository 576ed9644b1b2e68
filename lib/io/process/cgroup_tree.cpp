#include "io/process/cgroup_tree.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>

#include "io/process/cgroup_files.hpp"
#include "io/process/proc_entry.hpp"

namespace dpsup::io {
namespace {

bool is_service(const std::string& leaf) {
    return leaf.find('/') == std::string::npos;
}

// The cgroup of a command that was run beside a service, in that of the service; see CommandRunner.
bool is_command(std::string_view directory) {
    return directory.starts_with(command_prefix);
}

// Of the directory of a service: see directory_of().
std::string service_of(std::string_view directory) {
    return std::string(directory.substr(0, directory.rfind('.')));
}

Result<void> check_root(const std::string& root) {
    if (::mkdir(root.c_str(), 0755) != 0 && errno != EEXIST)
        return fail("cgroup", "creating the cgroup " + root + ": " + std::strerror(errno));
    struct statfs info{};
    if (::statfs(root.c_str(), &info) != 0)
        return fail("cgroup", "looking at the cgroup " + root + ": " + std::strerror(errno));
    if (info.f_type != CGROUP2_SUPER_MAGIC) return fail("cgroup", root + " is not in a cgroup v2 hierarchy");
    if (::access((root + "/cgroup.procs").c_str(), W_OK) != 0)
        return fail("cgroup", "the cgroup " + root + " may not be written: " + std::strerror(errno));
    return {};
}

}  // namespace

Result<std::unique_ptr<CgroupTree>> CgroupTree::open(std::string root, Inotify& inotify, Changed changed,
                                                     Warn warn) {
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
    if (const auto checked = check_root(root); !checked) return tl::unexpected(checked.error());
    std::unique_ptr<CgroupTree> tree(
        new CgroupTree(std::move(root), inotify, std::move(changed), std::move(warn)));
    return tree;
}

CgroupTree::CgroupTree(std::string root, Inotify& inotify, Changed changed, Warn warn)
    : root_(std::move(root)), inotify_(inotify), changed_(std::move(changed)), warn_(std::move(warn)) {}

CgroupTree::~CgroupTree() {
    for (const auto& [leaf, state] : leaves_) {
        inotify_.remove(state.watch);
        // A service that runs on may have made cgroups of its own, and needs the empty ones too.
        const std::string directory = directory_of(leaf);
        if (!cgroup::populated(directory)) static_cast<void>(cgroup::remove_tree(directory));
    }
    ::rmdir(root_.c_str());
}

// The suffix keeps a service called "memory.max" apart from the kernel's own file of that name.
std::string CgroupTree::directory_of(const std::string& leaf) const {
    const auto slash = std::min(leaf.find('/'), leaf.size());
    return root_ + "/" + leaf.substr(0, slash) + ".svc" + leaf.substr(slash);
}

bool CgroupTree::gone() const {
    return ::access(root_.c_str(), F_OK) != 0 && errno == ENOENT;
}

// A cgroup that has seen cgroup.kill cannot be born into: since 6.14 Linux compares its count of kills with
// that of the parent's own cgroup, and kills the child where they differ. A new directory starts its count
// anew.
void CgroupTree::renew_if_killed(const std::string& leaf) {
    const auto found = leaves_.find(leaf);
    if (found == leaves_.end() || !found->second.killed) return;
    if (!remove(leaf)) warn_(leaf, "the cgroup " + directory_of(leaf) + " cannot be renewed after a kill");
}

Staged<void> CgroupTree::create(const std::string& leaf) {
    const std::string directory = directory_of(leaf);
    const bool made = ::mkdir(directory.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return stage_failed("cgroup", errno, directory);
    if (!is_service(leaf)) return {};
    auto& state = leaves_[leaf];
    if (made) {
        // Whatever was known is of a directory that somebody has removed: this one has neither watch nor limits.
        inotify_.remove(state.watch);
        state = {};
    }
    if (state.watch == Inotify::none) {
        state.watch = inotify_.add(directory + "/cgroup.events", IN_MODIFY, [this, leaf] { changed_(leaf); });
        if (state.watch == Inotify::none)
            return stage_failed("cgroup", errno, "watching " + directory + "/cgroup.events");
    }
    return {};
}

std::vector<cgroup::LimitFailure> CgroupTree::set_limits(const std::string& leaf,
                                                         const config::Limits& limits) {
    auto& state = leaves_[leaf];
    if (state.limits == limits) return {};
    auto failures = cgroup::apply_limits(root_, directory_of(leaf), state.given, limits);
    state.limits = limits;
    if (!failures.empty() && !limits.best_effort) state.limits.reset();  // to be tried again at each launch
    return failures;
}

void CgroupTree::limit(const std::string& leaf, const config::Limits& limits) {
    if (!leaves_.contains(leaf)) return;
    const std::string later = limits.best_effort ? "" : ", and its next start will be refused";
    for (const auto& failure : set_limits(leaf, limits))
        warn_(leaf, failure.what + "; it runs without this limit" + later);
}

Staged<Placement> CgroupTree::prepare(const std::string& leaf, const config::Limits& limits) {
    renew_if_killed(leaf);
    if (auto created = create(leaf); !created) return tl::unexpected(created.error());
    if (is_service(leaf)) {
        const auto failures = set_limits(leaf, limits);
        if (!failures.empty() && !limits.best_effort)
            return stage_failed(
                "limits", failures.front().error_number,
                failures.front().what + "; limits.best_effort = true starts the service without");
        for (const auto& failure : failures) warn_(leaf, failure.what + "; it runs without this limit");
    }
    const std::string directory = directory_of(leaf);
    Placement placement{UniqueFd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
                        directory + "/cgroup.procs"};
    if (!placement.directory) return stage_failed("cgroup", errno, directory);
    return placement;
}

void CgroupTree::started(const std::string&, pid_t, int) {}

void CgroupTree::ended(const std::string&, pid_t) {}

void CgroupTree::adopted(const std::string& leaf, const config::Limits& limits, pid_t) {
    if (const auto created = create(leaf); !created)
        return warn_(leaf, "its cgroup cannot be watched: " +
                               std::string(std::strerror(created.error().error_number)));
    // What the earlier daemon had set is not known; setting all again is harmless.
    leaves_[leaf].limits.reset();
    if (!possible_limits_) possible_limits_ = cgroup::possible_limits(root_);
    leaves_[leaf].given = *possible_limits_;
    limit(leaf, limits);
    const std::string directory = directory_of(leaf);
    for (const auto& command : cgroup::children_of(directory)) {
        if (!is_command(command)) continue;  // the service may have made cgroups of its own
        kill_in(directory + "/" + command);
        static_cast<void>(cgroup::remove_tree(directory + "/" + command));
    }
}

std::vector<pid_t> CgroupTree::left_behind(const std::string& leaf) {
    const std::string directory = directory_of(leaf);
    std::set<pid_t> commands;
    for (const auto& command : cgroup::children_of(directory)) {
        if (!is_command(command)) continue;
        for (const pid_t pid : cgroup::processes(directory + "/" + command)) commands.insert(pid);
    }
    std::vector<pid_t> left = cgroup::processes(directory);
    std::erase_if(left, [&](pid_t pid) { return commands.contains(pid); });
    return left;
}

bool CgroupTree::empty(const std::string& leaf) {
    return !cgroup::populated(directory_of(leaf));
}

bool CgroupTree::contains(const std::string& leaf, pid_t pid) {
    const auto pids = cgroup::processes(directory_of(leaf));
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// Who was forked meanwhile is caught by the second look; a fork bomb is for SIGKILL.
void CgroupTree::signal(const std::string& leaf, int signal) {
    std::vector<pid_t> told;
    for (int pass = 0; pass < 2; ++pass) {
        for (const pid_t pid : cgroup::processes(directory_of(leaf))) {
            if (std::find(told.begin(), told.end(), pid) != told.end()) continue;
            ::kill(pid, signal);
            told.push_back(pid);
        }
    }
}

void CgroupTree::kill(const std::string& leaf) {
    if (const auto found = leaves_.find(leaf); found != leaves_.end()) found->second.killed = true;
    kill_in(directory_of(leaf));
}

void CgroupTree::kill_in(const std::string& directory) const {
    if (!one_by_one_ && cgroup::write_file(directory + "/cgroup.kill", "1") == 0) return;
    // Frozen, none can fork; and what is killed dies even so.
    static_cast<void>(cgroup::write_file(directory + "/cgroup.freeze", "1"));
    constexpr int passes = 8;
    for (int pass = 0; pass < passes; ++pass) {
        const auto pids = cgroup::processes(directory);
        if (pids.empty()) break;
        for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    }
    static_cast<void>(cgroup::write_file(directory + "/cgroup.freeze", "0"));
}

bool CgroupTree::remove(const std::string& leaf) {
    if (cgroup::remove_tree(directory_of(leaf)) != 0) return false;
    if (const auto found = leaves_.find(leaf); found != leaves_.end()) {
        inotify_.remove(found->second.watch);
        leaves_.erase(found);
    }
    return true;
}

std::uint64_t CgroupTree::oom_kills(const std::string& leaf) {
    return cgroup::value_of(cgroup::read_file(directory_of(leaf) + "/memory.events"), "oom_kill");
}

// At the start only, before anything else is served: so it may wait, for a bounded time.
void CgroupTree::kill_unclaimed() {
    possible_limits_.reset();  // it may change from now on
    constexpr auto step = std::chrono::milliseconds(10);
    constexpr int steps_max = 200;
    std::set<std::string> claimed;
    for (const auto& [leaf, state] : leaves_) claimed.insert(directory_of(leaf));
    std::vector<std::string> unclaimed;
    for (const auto& name : cgroup::children_of(root_)) {
        const std::string directory = root_ + "/" + name;
        if (claimed.contains(directory)) continue;
        unclaimed.push_back(directory);
        if (!cgroup::populated(directory)) continue;
        warn_(service_of(name), "an earlier dpsupd left processes and no record of them; killed " +
                                    described(cgroup::processes(directory)));
        kill_in(directory);
    }
    const auto still = [](const std::string& directory) { return cgroup::populated(directory); };
    for (int i = 0; i < steps_max && std::ranges::any_of(unclaimed, still); ++i)
        std::this_thread::sleep_for(step);
    for (const auto& directory : unclaimed) {
        if (const int error = cgroup::remove_tree(directory); error != 0)
            warn_("", "removing the cgroup " + directory + ": " + std::strerror(error));
    }
}

}  // namespace dpsup::io
