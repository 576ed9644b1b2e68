// Taking over what an earlier daemon launched. Where that was another process, what it launched is no child of ours: its
// end is seen through a pidfd, and how it ended is told by kernels from 6.15 on. Where it was an earlier program in this
// process (a re-exec), children stay children, and the reaper tells all, also of those that ended in between.
#include <algorithm>
#include <utility>

#include "io/process/proc_entry.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

void ProcessHostImplementation::inherit(std::vector<UniqueFd> notify_sockets) {
    for (UniqueFd& socket : notify_sockets) {
        std::string path = NotifySocket::path_of(socket.get());
        if (!path.empty()) inherited_notify_[std::move(path)] = std::move(socket);
    }
}

void ProcessHostImplementation::adopt(ServiceId id, Generation generation, ServiceConfig config,
                                      const AdoptedProcess& process) {
    Entry& entry = entries_[id];
    by_name_[config->name] = id;
    entry.config = std::move(config);
    entry.log_size_max = entry.config->process.log.max_size;
    entry.log_keep = entry.config->process.log.keep;
    entry.generation = generation;
    UniqueFd held;
    const pid_t pid = hold_adopted(entry.leaf(), process, held);
    tell_of_leftovers(entry, process, pid);
    tree_->adopted(entry.leaf(), entry.config->process.limits, pid);
    if (pid == 0) {
        entry.phase = Phase::ending;
        emit(id, generation, core::Exited{.kind = core::ExitKind::unknown});
        check_empty(id, entry);
        return schedule_flush();
    }
    take_main(id, entry, pid, std::move(held));
    entry.phase = Phase::running;
    entry.oom_kills = tree_->oom_kills(entry.leaf());
    resume_output(entry);
    inherit_notify(id, entry);
    learn_identity(id, entry);
    emit(id, generation, core::Launched{pid});
    schedule_flush();
}

void ProcessHostImplementation::take_main(ServiceId id, Entry& entry, pid_t pid, UniqueFd held) {
    entry.main_pid = pid;
    if (!held) {
        entry.launched_pid = pid;
        entry.launched = watch_process(id, entry.generation, pid);
        return;
    }
    entry.foreign =
        ForeignProcess::watch(context_, std::move(held), pid,
                              [this, id, generation = entry.generation, pid](const core::Exited& exited) {
                                  foreign_ended(id, generation, pid, exited);
                              });
    entry.named = watch_process(id, entry.generation, pid);  // it may become our child yet
}

// Held before it is looked at, so that the number cannot become another's in between. Where the earlier daemon died
// before it knew the pid, the leader of a session in the service's tree is the main process: each is launched as one.
// A child of ours needs no holding: until we reap it the number is its own, and nobody else can have launched it.
pid_t ProcessHostImplementation::hold_adopted(const std::string& leaf, const AdoptedProcess& process,
                                              UniqueFd& held) const {
    const bool by_cgroup = !options_.cgroup_root.empty();
    std::vector<pid_t> candidates;
    if (process.pid > 0)
        candidates = {process.pid};
    else
        candidates = leaders_in(leaf);
    for (const pid_t pid : candidates) {
        ProcEntry seen;
        if (process.pid > 0 && Reaper::is_child(pid) && read_proc_entry(pid, seen) &&
            seen.start == process.start)
            return pid;
        held = ForeignProcess::hold(pid);
        if (!held || !read_proc_entry(pid, seen) || seen.ended()) continue;
        if (process.pid > 0 && seen.start != process.start) continue;
        if (by_cgroup && !tree_->contains(leaf, pid)) continue;
        if (ForeignProcess::lives(held)) return pid;
    }
    held.reset();
    return 0;
}

std::optional<AdoptedProcess> ProcessHostImplementation::find_leftover(const std::string& name,
                                                                       const AdoptedProcess& known) const {
    UniqueFd held;
    if (known.pid > 0 && hold_adopted(name, known, held) != 0) return std::nullopt;
    const pid_t pid = hold_adopted(name, {}, held);
    ProcEntry seen;
    if (pid == 0 || !read_proc_entry(pid, seen) || !ForeignProcess::lives(held)) return std::nullopt;
    return AdoptedProcess{.pid = pid, .start = seen.start, .leftover = true};
}

// One line, where what runs is not what is on record.
void ProcessHostImplementation::tell_of_leftovers(const Entry& entry, const AdoptedProcess& process,
                                                  pid_t pid) {
    if (pid != 0 && process.leftover)
        warnings_(entry.leaf(), "an earlier dpsupd left process " + described({pid}) +
                                    " and no record of it; it is the main process from now on (leftovers)");
    if (pid != 0) return;
    const std::vector<pid_t> left = tree_->left_behind(entry.leaf());
    if (!left.empty())
        warnings_(entry.leaf(),
                  "the main process on record is gone, and what it left is to end: " + described(left));
}

// The oldest first.
std::vector<pid_t> ProcessHostImplementation::leaders_in(const std::string& leaf) const {
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

void ProcessHostImplementation::inherit_notify(ServiceId id, Entry& entry) {
    if (!entry.config->policy.notify) return;
    auto inherited = inherited_notify_.extract(socket_path(entry));
    if (!inherited) return;
    entry.notify = NotifySocket::resume(
        context_, std::move(inherited.mapped()), inherited.key(),
        [this, id](const NotifySender& sender, std::string_view text) { return heard(id, sender, text); });
}

// As whom an adopted instance runs; asked again by whoever needs to know, where it could not be found out.
void ProcessHostImplementation::learn_identity(ServiceId id, Entry& entry) {
    if (entry.identity || std::exchange(entry.identity_asked, true)) return;
    identities_.look_up(entry.config->process, [weak = weak_from_this(), id, generation = entry.generation](
                                                   const Identities::Answer& identity) {
        if (const auto self = weak.lock()) self->resume_notify(id, generation, identity);
    });
}

void ProcessHostImplementation::resume_notify(ServiceId id, Generation generation,
                                              const Identities::Answer& identity) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->generation != generation || entry->phase != Phase::running) return;
    entry->identity_asked = false;
    if (!identity)
        return warnings_(entry->leaf(), "its user cannot be looked up: " + identity.error().detail);
    entry->identity = *identity;
    if (entry->notify && entry->notify->uid() == entry->identity->uid) return;  // it listens already
    if (const auto opened = open_notify(id, *entry); !opened)
        warnings_(entry->leaf(), "its notifications cannot be heard: " + opened.error().detail);
    if (entry->notify) entry->notify->listen();
}

void ProcessHostImplementation::end_adoption() {
    inherited_notify_.clear();
    tree_->kill_unclaimed();
}

std::vector<UniqueFd> ProcessHostImplementation::listening_sockets(ServiceId id) const {
    const Entry* entry = find(id);
    if (entry == nullptr || !entry->foreign) return {};
    return entry->foreign->listening_sockets();
}

std::uint64_t ProcessHostImplementation::process_start(ServiceId id) const {
    const Entry* entry = find(id);
    ProcEntry process;
    return entry != nullptr && entry->main_pid > 0 && read_proc_entry(entry->main_pid, process)
               ? process.start
               : 0;
}

}  // namespace dpsup::io
