// Taking over what an earlier daemon launched. It is no child of ours: its end is seen through a pidfd, and how it
// ended is told by kernels from 6.15 on.
#include <algorithm>
#include <utility>

#include "io/process/proc_entry.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

void ProcessHostImplementation::adopt(ServiceId id, Generation generation, ServiceConfig config,
                                      const AdoptedProcess& process) {
    // Where the record tells less than it should, what it led to runs in the cgroup.
    if (process.queued && (options_.cgroup_root.empty() || tree_->empty(config->name))) {
        emit(id, generation, core::NotLaunched{});
        return schedule_flush();
    }
    Entry& entry = entries_[id];
    by_name_[config->name] = id;
    entry.config = std::move(config);
    entry.log_size_max = entry.config->process.log.max_size;
    entry.log_keep = entry.config->process.log.keep;
    entry.generation = generation;
    UniqueFd held;
    const pid_t pid = hold_adopted(entry, process, held);
    tree_->adopted(entry.leaf(), entry.config->process.limits, pid);
    if (pid == 0) {
        entry.phase = Phase::ending;
        emit(id, generation, core::Exited{.kind = core::ExitKind::unknown});
        check_empty(id, entry);
        return schedule_flush();
    }
    entry.foreign = ForeignProcess::watch(context_, std::move(held), pid,
                                          [this, id, generation, pid](const core::Exited& exited) {
                                              foreign_ended(id, generation, pid, exited);
                                          });
    entry.phase = Phase::running;
    entry.main_pid = pid;
    entry.oom_kills = tree_->oom_kills(entry.leaf());
    resume_output(entry);
    identities_.look_up(entry.config->process,
                        [weak = weak_from_this(), id, generation](const Identities::Answer& identity) {
                            if (const auto self = weak.lock()) self->resume_notify(id, generation, identity);
                        });
    emit(id, generation, core::Launched{pid});
    schedule_flush();
}

// Held before it is looked at, so that the number cannot become another's in between. Where the earlier daemon died
// before it knew the pid, the leader of a session in the service's tree is the main process: each is launched as one.
pid_t ProcessHostImplementation::hold_adopted(const Entry& entry, const AdoptedProcess& process,
                                              UniqueFd& held) {
    const bool by_cgroup = !options_.cgroup_root.empty();
    std::vector<pid_t> candidates;
    if (process.pid > 0)
        candidates = {process.pid};
    else
        candidates = leaders_in(entry.leaf());
    for (const pid_t pid : candidates) {
        held = ForeignProcess::hold(pid);
        ProcEntry seen;
        if (!held || !read_proc_entry(pid, seen) || seen.ended()) continue;
        if (process.pid > 0 && seen.start != process.start) continue;
        if (by_cgroup && !tree_->contains(entry.leaf(), pid)) continue;
        if (ForeignProcess::lives(held)) return pid;
    }
    held.reset();
    return 0;
}

// The oldest first.
std::vector<pid_t> ProcessHostImplementation::leaders_in(const std::string& leaf) {
    std::vector<std::pair<std::uint64_t, pid_t>> leaders;
    for (const pid_t pid : tree_->left_behind(leaf)) {
        ProcEntry process;
        if (read_proc_entry(pid, process) && !process.ended() && process.session == pid)
            leaders.emplace_back(process.start, pid);
    }
    std::ranges::sort(leaders);
    std::vector<pid_t> pids;
    for (const auto& [start, pid] : leaders) pids.push_back(pid);
    return pids;
}

void ProcessHostImplementation::resume_output(Entry& entry) {
    const OutputPaths paths{options_.log_dir, options_.journal_socket, options_.journal_unit};
    if (resolve_target(entry.config->process.log, paths) != config::LogConfig::Target::file) return;
    entry.log_path = log_file_of(entry.config->name, paths);
    rotation_.watch(entry.log_path, entry.log_size_max, entry.log_keep);
}

void ProcessHostImplementation::resume_notify(ServiceId id, Generation generation,
                                              const Identities::Answer& identity) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->generation != generation || entry->phase != Phase::running) return;
    if (!identity)
        return warnings_(entry->leaf(), "its user cannot be looked up: " + identity.error().detail);
    entry->identity = *identity;
    if (const auto opened = open_notify(id, *entry); !opened)
        warnings_(entry->leaf(), "its notifications cannot be heard: " + opened.error().detail);
    if (entry->notify) entry->notify->listen();
}

void ProcessHostImplementation::end_adoption() {
    tree_->kill_unclaimed();
}

std::uint64_t ProcessHostImplementation::process_start(ServiceId id) const {
    const Entry* entry = find(id);
    ProcEntry process;
    return entry != nullptr && entry->main_pid > 0 && read_proc_entry(entry->main_pid, process)
               ? process.start
               : 0;
}

}  // namespace dpsup::io
