// How instances end: signals, kills, exits, and the emptiness of a tree.
#include <boost/asio/post.hpp>
#include <csignal>
#include <vector>

#include "base/signals.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {
namespace {

constexpr auto reload_timeout = std::chrono::seconds(60);

core::Reloaded reloaded_from(const CommandResult& result) {
    const std::string said = result.detail.empty() ? "" : ": " + result.detail;
    switch (result.end) {
        case CommandResult::End::exited:
            if (result.code == 0) return {true, "the reload command succeeded" + said};
            return {false, "the reload command exited with " + std::to_string(result.code) + said};
        case CommandResult::End::signaled:
            return {false, "the reload command was killed by " + signal_name(result.code) + said};
        case CommandResult::End::timed_out:
            return {false, "the reload command took too long and was killed" + said};
        case CommandResult::End::refused:
            return {false, "the reload command did not start" + said};
    }
    return {false, result.detail};
}

}  // namespace

void ProcessHostImplementation::send_signal(ServiceId id, Generation generation, int signal,
                                            bool whole_tree) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->generation != generation || entry->phase == Phase::idle) return;
    if (cancel_launch(*entry)) {
        emit(id, generation, core::Emptied{});
        return schedule_flush();
    }
    constexpr std::size_t signals_max = 8;
    if (entry->phase != Phase::launching)
        signal_now(id, *entry, {signal, whole_tree});
    else if (entry->signals.size() < signals_max)
        entry->signals.push_back({signal, whole_tree});
}

void ProcessHostImplementation::signal_now(ServiceId id, Entry& entry, const Signal& signal) {
    if (signal.whole_tree) return tree_->signal(entry.leaf(), signal.number);
    signal_main(entry, signal.number);
    emit(id, entry.generation, core::Signaled{});
    schedule_flush();
}

void ProcessHostImplementation::signal_main(const Entry& entry, int signal) {
    if (entry.foreign) return entry.foreign->signal(signal);
    if (entry.main_pid > 0) ::kill(entry.main_pid, signal);
}

// The main process too, where it has left the tree.
void ProcessHostImplementation::kill_all(Entry& entry) {
    tree_->kill(entry.leaf());
    signal_main(entry, SIGKILL);
}

void ProcessHostImplementation::kill_tree(ServiceId id, Generation generation) {
    Entry* entry = find(id);
    if (entry == nullptr) {
        emit(id, generation, core::Emptied{});
        return schedule_flush();
    }
    static_cast<void>(cancel_launch(*entry));
    if (entry->phase == Phase::idle) {
        entry->generation = generation;
        entry->phase = Phase::ending;
    }
    entry->kill_asked = true;
    looks_ = 0;
    if (entry->phase == Phase::launching) return;
    kill_all(*entry);
    if (entry->phase == Phase::ending) {
        check_empty(id, *entry);
        schedule_flush();
    }
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the seam hands the configuration over
void ProcessHostImplementation::reload(ServiceId id, Generation generation, ServiceConfig config) {
    Entry* entry = find(id);
    core::Reloaded answer{false, "nothing runs that could reload"};
    if (entry != nullptr && entry->phase == Phase::running && entry->generation == generation) {
        const auto& how = config->process.reload;
        if (const auto* command = std::get_if<config::ReloadCommand>(&how)) {
            if (entry->identity && reloading_.insert(id).second) return run_reload(id, *entry, *command);
            answer.detail = entry->identity ? "the last reload command has not ended yet" : unknown_identity;
        } else if (const auto* signal = std::get_if<config::ReloadSignal>(&how)) {
            send_signal(id, generation, signal->signal, false);
            answer = {true, "sent " + signal_name(signal->signal)};
        } else {
            answer.detail = "neither a reload signal nor a reload command is configured";
        }
    }
    emit(id, generation, answer);
    schedule_flush();
}

// Never beside itself, so that reload commands that cannot be killed do not pile up.
void ProcessHostImplementation::run_reload(ServiceId id, const Entry& entry,
                                           const config::ReloadCommand& reload) {
    commands_->run({id,
                    entry.config,
                    entry.identity,
                    reload.command,
                    {{"MAINPID", std::to_string(entry.main_pid)}},
                    reload_timeout,
                    [this, id, generation = entry.generation](const CommandResult& result) {
                        emit(id, generation, reloaded_from(result));
                        flush();
                    },
                    {.launched = {}, .gone = [this, id] { reloading_.erase(id); }}});
}

Reaper::Watch ProcessHostImplementation::watch_process(ServiceId id, Generation generation, pid_t pid) {
    return reaper_.watch(pid, [this, id, generation, pid](const core::Exited& exited) {
        process_ended(id, generation, pid, exited);
    });
}

// The instance's process, as launched or as it named itself by MAINPID=. Only the main one's end is the
// service's.
void ProcessHostImplementation::process_ended(ServiceId id, Generation generation, pid_t pid,
                                              core::Exited exited) {
    stranger_ended();  // whose it was could not be told while it ended, if it was launched only just before
    Entry* entry = find(id);
    if (entry == nullptr) return;
    tree_->ended(entry->leaf(), pid);
    if (entry->launched_pid == pid) entry->launched_pid = 0;
    if (entry->generation == generation && entry->phase == Phase::running) {
        // What the process said before it died comes first: perhaps that another one is the main process now.
        if (entry->notify) entry->notify->drain();
        if (entry->main_pid == pid) main_ended(id, *entry, exited);
    } else if (entry->phase == Phase::ending) {
        check_empty(id, *entry);
    }
    flush();
}

void ProcessHostImplementation::main_ended(ServiceId id, Entry& entry, core::Exited exited) {
    exited.out_of_memory = tree_->oom_kills(entry.leaf()) > entry.oom_kills;
    forget_main(entry);
    entry.phase = Phase::ending;
    commands_->cancel(id);
    emit(id, entry.generation, exited);
    check_empty(id, entry);
}

void ProcessHostImplementation::foreign_ended(ServiceId id, Generation generation, pid_t pid,
                                              const core::Exited& exited) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->generation != generation || entry->main_pid != pid) return;
    // Its parent may have died meanwhile; then it became our child, and the reaper knows more than the pidfd.
    if (Reaper::is_child(pid)) return;
    process_ended(id, generation, pid, exited);
}

void ProcessHostImplementation::take_in_waiting(ServiceId id) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->notify && entry->phase == Phase::running) entry->notify->drain();
    if (entry->foreign) entry->foreign->tell_if_ended();
    check_empty(id, *entry);
}

void ProcessHostImplementation::check_empty(ServiceId id, Entry& entry) {
    if (entry.phase != Phase::ending) return;
    if (!tree_->empty(entry.leaf()) || commands_->launching_for(id)) {
        ending_.insert(id);
        if (entry.kill_asked) {
            tree_->kill(entry.leaf());
            if (tree_->ends_unheard(entry.leaf())) look_again();
        }
        return;
    }
    ending_.erase(id);
    entry.phase = Phase::idle;
    entry.kill_asked = false;
    entry.status.clear();
    emit(id, entry.generation, core::Emptied{});
}

// An orphan was reaped: it may have been the last of some service. Many may end at once, and one look serves
// all.
void ProcessHostImplementation::stranger_ended() {
    if (ending_.empty() || recheck_scheduled_) return;
    recheck_scheduled_ = true;
    later([](ProcessHostImplementation& self) {
        self.recheck_scheduled_ = false;
        const std::vector<ServiceId> all(self.ending_.begin(), self.ending_.end());
        for (const ServiceId id : all) {
            if (Entry* entry = self.find(id)) self.check_empty(id, *entry);
        }
        self.flush();
    });
}

// A few times, at growing distances: whoever is killed ends soon, or hangs in the kernel.
void ProcessHostImplementation::look_again() {
    constexpr int looks_max = 6;
    constexpr auto first = std::chrono::milliseconds(20);
    if (look_scheduled_ || looks_ == looks_max) return;
    look_scheduled_ = true;
    next_look_.expires_after(first * (1 << looks_++));
    next_look_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->look_scheduled_ = false;
        self->stranger_ended();
    });
}

void ProcessHostImplementation::tree_changed(const std::string& leaf) {
    const auto found = by_name_.find(leaf);
    if (found == by_name_.end()) return;
    if (Entry* entry = find(found->second)) check_empty(found->second, *entry);
    flush();
}

void ProcessHostImplementation::forget(ServiceId id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    static_cast<void>(cancel_launch(entry));
    commands_->cancel(id);
    ending_.erase(id);
    rotation_.forget(entry.log_path);
    close_notify(entry);
    forget_main(entry);
    reaper_.forget(entry.launched);
    if (!tree_->remove(entry.leaf()))
        warnings_(entry.leaf(), "its cgroup is not empty, and is left for the next start");
    if (const auto named = by_name_.find(entry.leaf()); named != by_name_.end() && named->second == id)
        by_name_.erase(named);
    entries_.erase(found);
}

}  // namespace dpsup::io
