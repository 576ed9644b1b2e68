// Taking over what an earlier daemon launched. It is no child of ours: its end is seen through a pidfd, and how it
// ended is told by kernels from 6.15 on.
#include "io/process/proc_entry.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {
namespace {

bool is(const AdoptedProcess& process) {
    ProcEntry entry;
    return process.pid > 0 && read_proc_entry(process.pid, entry) && !entry.ended() && entry.start == process.start;
}

}  // namespace

void ProcessHostImplementation::adopt(ServiceId id, Generation generation, ServiceConfig config,
                                      const AdoptedProcess& process) {
    Entry& entry = entries_[id];
    by_name_[config->name] = id;
    entry.config = std::move(config);
    entry.generation = generation;
    const pid_t pid = find_adopted(entry, process);
    if (pid > 0) watch_foreign(id, entry, pid);
    const bool runs = entry.foreign != nullptr;
    tree_->adopted(entry.leaf(), entry.config->process.limits, runs ? pid : 0);
    if (runs) {
        entry.phase = Phase::running;
        entry.main_pid = pid;
        entry.oom_kills = tree_->oom_kills(entry.leaf());
        resume_output(entry);
        if (const auto opened = open_notify(id, entry); !opened)
            warnings_(entry.leaf(), "its notifications cannot be heard: " + opened.error().detail);
        if (entry.notify) entry.notify->listen();
        emit(id, generation, core::Launched{pid});
    } else {
        entry.phase = Phase::ending;
        emit(id, generation, core::Exited{.kind = core::ExitKind::unknown});
        check_empty(id, entry);
    }
    schedule_flush();
}

// Where the earlier daemon died before it knew the pid, the leader of a session in the service's tree is the main
// process: each is launched as one.
pid_t ProcessHostImplementation::find_adopted(const Entry& entry, const AdoptedProcess& process) {
    if (is(process) && (options_.cgroup_root.empty() || tree_->contains(entry.leaf(), process.pid))) return process.pid;
    if (process.pid > 0 || options_.cgroup_root.empty()) return 0;
    pid_t found = 0;
    std::uint64_t earliest = 0;
    for (const pid_t pid : tree_->processes(entry.leaf())) {
        ProcEntry candidate;
        if (!read_proc_entry(pid, candidate) || candidate.ended() || candidate.session != pid) continue;
        if (found != 0 && candidate.start >= earliest) continue;
        found = pid;
        earliest = candidate.start;
    }
    return found;
}

void ProcessHostImplementation::resume_output(Entry& entry) {
    const auto& log = entry.config->process.log;
    const OutputPaths paths{options_.log_dir, options_.journal_socket};
    if (resolve_target(log, paths) != config::LogConfig::Target::file) return;
    entry.log_path = log_file_of(entry.config->name, paths);
    rotation_.watch(entry.log_path, log.max_size, log.keep);
}

void ProcessHostImplementation::end_adoption() {
    tree_->kill_unclaimed();
}

std::uint64_t ProcessHostImplementation::process_start(ServiceId id) const {
    const Entry* entry = find(id);
    ProcEntry process;
    return entry != nullptr && entry->main_pid > 0 && read_proc_entry(entry->main_pid, process) ? process.start : 0;
}

}  // namespace dpsup::io
