#include "io/process/descendant_tree.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "io/process/foreign_process.hpp"

namespace dpsup::io {
namespace {

constexpr const char* no_limits =
    "limits need a cgroup v2 hierarchy that the daemon may write, and there is none here";

// "a/dpsup-run.1" lies within "a".
bool within(const std::string& leaf, const std::string& candidate) {
    return candidate.starts_with(leaf) && (candidate.size() == leaf.size() || candidate[leaf.size()] == '/');
}

std::string service_of(const std::string& leaf) {
    return leaf.substr(0, leaf.find('/'));
}

// A regular file or a stream to the journal tells whose output it is; /dev/null and a terminal do not.
bool identifies(const struct stat& info) {
    return S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode);
}

}  // namespace

DescendantTree::DescendantTree(std::string instance, Warn warn)
    : instance_(std::move(instance)), warn_(std::move(warn)) {}

Staged<Placement> DescendantTree::prepare(const std::string& leaf, const config::Limits& limits) {
    if (!limits.any()) return Placement{};
    if (!limits.best_effort)
        return stage_failed(
            "limits", 0, std::string(no_limits) + "; limits.best_effort = true starts the service without");
    warn_(leaf, std::string(no_limits) + "; it runs without");
    return Placement{};
}

void DescendantTree::limit(const std::string& leaf, const config::Limits& limits) {
    if (!limits.any()) return;
    const std::string later = limits.best_effort ? "" : ", and its next start will be refused";
    warn_(leaf, std::string(no_limits) + "; it runs without" + later);
}

void DescendantTree::started(const std::string& leaf, pid_t pid, int output_fd) {
    Launch launch{.pid = pid, .running = true};
    struct stat info{};
    if (output_fd >= 0 && ::fstat(output_fd, &info) == 0 && identifies(info)) {
        launch.output_device = info.st_dev;
        launch.output_inode = info.st_ino;
    }
    launches_[leaf].push_back(launch);
    orphans_.erase(pid);  // it may have been taken for one before we knew of it
    roots_[pid] = leaf;
}

void DescendantTree::adopted(const std::string& leaf, const config::Limits&, pid_t pid) {
    adopted_.insert(leaf);
    ProcEntry process;
    const bool ours = pid > 0 && read_proc_entry(pid, process) && process.parent == ::getpid();
    if (!ours) orphaned_elsewhere_.insert(leaf);
    if (pid == 0) return;
    launches_[leaf].push_back({.pid = pid, .running = true});
    roots_[pid] = leaf;
}

std::vector<pid_t> DescendantTree::left_behind(const std::string& leaf) {
    // One search through all processes serves a whole adoption: whoever could have launched more is dead.
    if (!marked_ || adoption_ended_) {
        marked_.emplace();
        for (const pid_t pid : all_processes())
            if (std::string found = marked_as(pid); !found.empty())
                (*marked_)[std::move(found)].push_back(pid);
    }
    const auto found = marked_->find(leaf);
    return found == marked_->end() ? std::vector<pid_t>{} : found->second;
}

// They are nobody's descendants any more, but bear our mark. At the start only, before anything else is served: so it
// may wait, for a bounded time. What still lives then keeps its service's next instance from being launched.
void DescendantTree::kill_unclaimed() {
    std::map<std::string, std::vector<pid_t>> left;
    std::vector<Killed> killed;
    for (const pid_t pid : all_processes()) {
        const std::string leaf = marked_as(pid);
        if (leaf.empty() || pid == ::getpid() || adopted_.contains(leaf)) continue;
        UniqueFd held = ForeignProcess::hold_with_the_last(pid);
        if (marked_as(pid) != leaf) continue;  // it has ended, and the number may be another's
        left[service_of(leaf)].push_back(pid);
        if (held)
            killed.push_back({service_of(leaf), std::move(held)});
        else
            orphaned_elsewhere_.insert(service_of(leaf));
    }
    for (const auto& [service, pids] : left) {
        warn_(service, "an earlier dpsupd left processes and no record of them; killed " + described(pids));
        for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    }
    adopted_.clear();
    adoption_ended_ = true;
    constexpr auto patience = std::chrono::seconds(2);
    const auto until = std::chrono::steady_clock::now() + patience;
    std::erase_if(killed, [&](const Killed& one) { return ForeignProcess::ends_by(one.held, until); });
    killed_ = std::move(killed);
}

void DescendantTree::ended(const std::string& leaf, pid_t pid) {
    roots_.erase(pid);
    for (auto& launch : launches_[leaf]) launch.running = launch.running && launch.pid != pid;
}

std::string DescendantTree::marked_as(pid_t pid) const {
    const std::string mark = environment_value(pid, "DPSUP_INSTANCE");
    return mark.starts_with(instance_ + "/") ? mark.substr(instance_.size() + 1) : std::string();
}

std::string DescendantTree::owner_of_orphan(pid_t pid, ProcEntry& entry) const {
    std::string mark = marked_as(pid);
    struct stat output{};
    const bool has_output = ::stat(("/proc/" + std::to_string(pid) + "/fd/2").c_str(), &output) == 0;
    // Last: where it is not ending yet, the marks were all there to be read.
    if (!read_proc_entry(pid, entry) || entry.ended()) return {};
    if (!mark.empty()) return mark;
    for (const auto& [leaf, launches] : launches_) {
        for (const auto& launch : launches) {
            if (launch.pid == entry.session) return leaf;
            if (has_output && launch.output_inode == output.st_ino && launch.output_device == output.st_dev &&
                launch.output_inode != 0)
                return leaf;
        }
    }
    return {};
}

// Children of ours that we did not launch were handed to us when their parent died. Where one is found ended that may have
// lived when the list was made, its own children became ours only after that: they are in the next list.
bool DescendantTree::look_for_orphans() {
    std::erase_if(orphans_, [](const auto& known) {
        ProcEntry now;
        return !read_proc_entry(known.first, now) || now.start != known.second.start || now.ended();
    });
    constexpr int looks_max = 8;
    std::set<pid_t> ended;
    for (int look = 0; look < looks_max; ++look) {
        bool sure = true;
        const std::size_t ended_before = ended.size();
        for (const pid_t child : own_children()) {
            if (roots_.contains(child) || orphans_.contains(child) || ended.contains(child)) continue;
            ProcEntry entry;
            const std::string owner = owner_of_orphan(child, entry);
            if (entry.pid == 0 || entry.ended())
                ended.insert(child);
            else if (!owner.empty())
                orphans_[child] = {entry.start, owner};
            else if (entry.ending &&
                     entry.state != 'Z')  // a first thread that has ended tells nothing of the others
                sure &= is_patience_over(child, entry.start);
        }
        if (ended.size() == ended_before) return sure;
    }
    return false;
}

// One that hangs in the kernel while it ends must not hold all services up.
bool DescendantTree::is_patience_over(pid_t stranger, std::uint64_t start) {
    constexpr std::size_t known_max = 1024;
    constexpr auto patience = std::chrono::seconds(2);
    if (strangers_.size() > known_max) strangers_.clear();
    const auto now = std::chrono::steady_clock::now();
    const auto& [known_start, since] = strangers_.try_emplace(stranger, start, now).first->second;
    if (known_start == start) return now - since > patience;
    strangers_[stranger] = {start, now};
    return false;
}

// What the earlier daemon's services had orphaned became init's child, and what its commands left too.
void DescendantTree::search_for_orphans(const std::string& leaf) {
    if (!orphaned_elsewhere_.contains(leaf)) return;
    for (const pid_t pid : all_processes()) {
        if (roots_.contains(pid) || orphans_.contains(pid)) continue;
        const std::string mark = marked_as(pid);
        ProcEntry entry;
        if (within(leaf, mark) && read_proc_entry(pid, entry) && !entry.ended())
            orphans_[pid] = {entry.start, mark};
    }
}

std::vector<pid_t> DescendantTree::orphans_of(const std::string& leaf) const {
    std::vector<pid_t> found;
    for (const auto& [pid, orphan] : orphans_) {
        if (within(leaf, orphan.leaf)) found.push_back(pid);
    }
    return found;
}

std::vector<pid_t> DescendantTree::roots_of(const std::string& leaf) const {
    std::vector<pid_t> found;
    for (const auto& [pid, of] : roots_) {
        if (within(leaf, of)) found.push_back(pid);
    }
    return found;
}

std::vector<pid_t> DescendantTree::members(const std::string& leaf) {
    static_cast<void>(look_for_orphans());
    search_for_orphans(leaf);
    std::vector<pid_t> found = roots_of(leaf);
    for (const pid_t pid : orphans_of(leaf)) found.push_back(pid);
    for (std::size_t i = 0, heads = found.size(); i < heads; ++i) {
        for (const pid_t pid : descendants_of(found[i])) found.push_back(pid);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

bool DescendantTree::empty(const std::string& leaf) {
    std::erase_if(killed_, [](const Killed& one) { return !ForeignProcess::lives(one.held); });
    if (std::ranges::find(killed_, leaf, &Killed::service) != killed_.end()) return false;
    if (!roots_of(leaf).empty() || !look_for_orphans()) return false;
    search_for_orphans(leaf);
    if (!orphans_of(leaf).empty()) return false;
    orphaned_elsewhere_.erase(leaf);
    launches_.erase(leaf);
    return true;
}

bool DescendantTree::vacant(const std::string& leaf) {
    const bool launched =
        std::ranges::any_of(launches_, [&](const auto& launch) { return within(leaf, launch.first); });
    const bool untouched = !launched && !ends_unheard(leaf) && orphans_of(leaf).empty();
    return untouched || empty(leaf);
}

bool DescendantTree::ends_unheard(const std::string& leaf) const {
    return orphaned_elsewhere_.contains(leaf) ||
           std::ranges::find(killed_, leaf, &Killed::service) != killed_.end();
}

// Up the line of ancestors, until one is known or is an orphan of ours.
bool DescendantTree::contains(const std::string& leaf, pid_t pid) {
    constexpr int depth_max = 1024;
    const pid_t self = ::getpid();
    for (int depth = 0; depth < depth_max && pid > 1 && pid != self; ++depth) {
        if (const auto root = roots_.find(pid); root != roots_.end()) return within(leaf, root->second);
        ProcEntry entry;
        if (!read_proc_entry(pid, entry)) return false;
        if (entry.parent == self) return within(leaf, owner_of_orphan(pid, entry));
        pid = entry.parent;
    }
    return false;
}

void DescendantTree::signal(const std::string& leaf, int signal) {
    for (const pid_t pid : members(leaf)) ::kill(pid, signal);
}

// The roots stand still while their descendants die, so that they neither fork more nor react; then they die
// too.
void DescendantTree::kill(const std::string& leaf) {
    const auto roots = roots_of(leaf);
    for (const pid_t root : roots) ::kill(root, SIGSTOP);
    std::vector<pid_t> killed;
    constexpr int passes = 8;
    for (int pass = 0; pass < passes; ++pass) {
        bool found_more = false;
        for (const pid_t pid : members(leaf)) {
            if (std::find(roots.begin(), roots.end(), pid) != roots.end()) continue;
            if (std::find(killed.begin(), killed.end(), pid) != killed.end()) continue;
            ::kill(pid, SIGKILL);
            killed.push_back(pid);
            found_more = true;
        }
        if (!found_more) break;
    }
    for (const pid_t root : roots) ::kill(root, SIGKILL);
}

bool DescendantTree::remove(const std::string& leaf) {
    return empty(leaf);
}

std::uint64_t DescendantTree::oom_kills(const std::string&) {
    return 0;
}

}  // namespace dpsup::io
