// What a service says with sd_notify, and whether it may.
#include <utility>

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
    if (const auto pid = message.fact.main_pid; pid && !change_main(id, *entry, *pid)) {
        if (*pid != entry->main_pid && !std::exchange(entry->main_pid_warned, true))
            warnings_(entry->leaf(),
                      "passed over MAINPID=" + std::to_string(*pid) + ": that is no process of the service");
        message.fact.main_pid.reset();
    }
    if (message.says_something()) emit(id, entry->generation, message.fact);
    schedule_flush();
    return true;
}

// False: nothing has changed. A number says little, since the process that had it may be gone and the number another's:
// so it is taken only for a process that is held, by the kernel while we have not reaped it or by a pidfd, and that was
// seen in the service's tree while it lived.
bool ProcessHostImplementation::change_main(ServiceId id, Entry& entry, pid_t pid) {
    if (pid == entry.main_pid) return false;
    std::unique_ptr<ForeignProcess> foreign;
    if (Reaper::is_child(pid)) {
        if (!tree_->contains(entry.leaf(), pid)) return false;
    } else {
        UniqueFd held = ForeignProcess::hold_with_the_last(pid);
        if (!held || !tree_->contains(entry.leaf(), pid) || !ForeignProcess::lives(held)) return false;
        foreign =
            ForeignProcess::watch(context_, std::move(held), pid,
                                  [this, id, generation = entry.generation, pid](const core::Exited& exited) {
                                      foreign_ended(id, generation, pid, exited);
                                  });
    }
    forget_main(entry);
    note_main(entry, pid);
    entry.foreign = std::move(foreign);
    // Of a process that is no child of ours this hears if it becomes one.
    if (pid != entry.launched_pid) entry.named = watch_process(id, entry.generation, pid);
    return true;
}

// What was launched is watched until it is reaped, whoever is the main process.
void ProcessHostImplementation::forget_main(Entry& entry) {
    reaper_.forget(entry.named);
    entry.foreign.reset();
    entry.main_pid = 0;
}

}  // namespace dpsup::io
