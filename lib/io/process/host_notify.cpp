// What a service says with sd_notify, and whether it may.
#include <unistd.h>

#include "io/process/proc_entry.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

// Root may speak for any service (an administrator's systemd-notify); others only for that to which they
// belong: the user alone does not tell two services of the same user apart.
bool ProcessHostImplementation::may_speak(Entry& entry, const NotifySender& sender) {
    if (sender.uid == 0) return true;
    if (sender.uid == entry.notify->uid() && tree_->contains(entry.leaf(), sender.pid)) return true;
    if (!entry.spoof_warned)
        warnings_(entry.leaf(), "passed over a notification from process " + std::to_string(sender.pid) +
                                    " of user " + std::to_string(sender.uid) +
                                    ", which does not belong to the service");
    entry.spoof_warned = true;
    return false;
}

bool ProcessHostImplementation::heard(ServiceId id, const NotifySender& sender, std::string_view text) {
    Entry* entry = find(id);
    if (entry == nullptr || !entry->notify) return false;
    if (entry->phase != Phase::running || !may_speak(*entry, sender)) return true;
    NotifyMessage message = parse_notify(text);
    if (message.status) entry->status = std::move(*message.status);
    if (message.fact.main_pid) {
        const pid_t pid = *message.fact.main_pid;
        if (pid == entry->main_pid || !tree_->contains(entry->leaf(), pid))
            message.fact.main_pid.reset();
        else
            change_main(id, *entry, pid);
    }
    if (message.says_something()) emit(id, entry->generation, message.fact);
    schedule_flush();
    return true;
}

void ProcessHostImplementation::change_main(ServiceId id, Entry& entry, pid_t pid) {
    entry.main_pid = pid;
    entry.foreign.reset();
    const Generation generation = entry.generation;
    reaper_.watch(pid, [this, id, generation, pid](const core::Exited& exited) {
        process_ended(id, generation, pid, exited);
    });
    ProcEntry process;
    if (read_proc_entry(pid, process) && process.parent == ::getpid()) return;
    watch_foreign(id, entry, pid);
}

void ProcessHostImplementation::watch_foreign(ServiceId id, Entry& entry, pid_t pid) {
    const Generation generation = entry.generation;
    entry.foreign =
        ForeignProcess::watch(context_, pid, [this, id, generation, pid](const core::Exited& exited) {
            foreign_ended(id, generation, pid, exited);
        });
}

}  // namespace dpsup::io
