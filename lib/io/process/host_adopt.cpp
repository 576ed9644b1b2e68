// Taking over what an earlier daemon launched. Where that was another process, what it launched is no child of ours: its
// end is seen through a pidfd, and how it ended is told by kernels from 6.15 on. Where it was an earlier program in this
// process (a re-exec), children stay children, and the reaper tells all, also of those that ended in between.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "io/process/proc_entry.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {
namespace {

// Between looks at a process, and between questions about its user; doubled each time.
constexpr Duration look_pause_min = std::chrono::milliseconds(100);
constexpr Duration look_pause_max = std::chrono::seconds(10);
constexpr Duration again_pause_min = std::chrono::seconds(1);
constexpr Duration again_pause_max = std::chrono::seconds(60);

// A child of the earlier daemon that has not become the service yet, and may never: it hangs before its exec. It still
// goes by the daemon's name; what a service forks, and may call its main process, goes by the service's.
bool is_unborn(const ProcEntry& process) {
    ProcEntry self;
    return !process.execed && read_proc_entry(::getpid(), self) && process.name == self.name;
}

}  // namespace

void ProcessHostImplementation::adopt(ServiceId id, Generation generation, ServiceConfig config,
                                      const AdoptedProcess& process) {
    // Where the record tells less than it should, what it led to runs in the tree.
    if (process.queued && tree_->left_behind(config->name).empty()) {
        emit(id, generation, core::NotLaunched{});
        return schedule_flush();
    }
    Entry& entry = entries_[id];
    by_name_[config->name] = id;
    entry.config = std::move(config);
    entry.log_size_max = entry.config->process.log.max_size;
    entry.log_keep = entry.config->process.log.keep;
    entry.generation = generation;
    entry.phase = Phase::launching;  // what is asked of it is done once it is known what runs
    claim_notify(id, entry);
    settle_adoption(id, entry, process, look_pause_min);
}

void ProcessHostImplementation::settle_adoption(ServiceId id, Entry& entry, const AdoptedProcess& process,
                                                Duration pause) {
    UniqueFd held;
    const Held found = hold_adopted(entry.leaf(), process, held);
    const bool first = pause == look_pause_min;  // claimed at once, whatever is found out later
    if (found.error == 0) tell_of_leftovers(entry, process, found.pid);
    if (first || found.error == 0) tree_->adopted(entry.leaf(), entry.config->process.limits, found.pid);
    schedule_flush();
    if (found.error != 0) return adopt_later(id, entry, process, pause, found.error);
    if (found.pid == 0) {
        entry.phase = Phase::ending;
        emit(id, entry.generation, core::Exited{.kind = core::ExitKind::unknown});
        kill_unborn(entry);
        return check_empty(id, entry);
    }
    take_main(id, entry, found.pid, std::move(held));
    entry.phase = Phase::running;
    entry.oom_kills = tree_->oom_kills(entry.leaf());
    resume_output(entry);
    emit(id, entry.generation, core::Launched{found.pid});
    if (entry.notify) hear_notify(id, entry);
    resume_identity(id, entry);
    for (const Signal& signal : std::exchange(entry.signals, {})) signal_now(id, entry, signal);
    if (entry.kill_asked) kill_all(entry);
}

// It may run: so nothing is told of it, and nothing launched, until it could be looked at.
void ProcessHostImplementation::adopt_later(ServiceId id, Entry& entry, const AdoptedProcess& process,
                                            Duration pause, int error) {
    if (pause == look_pause_min)
        warnings_(entry.leaf(),
                  std::string("whether it still runs is not known, since its process cannot be looked at (") +
                      std::strerror(error) + "); looking again");
    try_again(entry.look_again, id, entry, pause, [this, id, process, pause](Entry& again) {
        settle_adoption(id, again, process, std::min(2 * pause, look_pause_max));
    });
}

// Unless another instance has taken its place by then.
void ProcessHostImplementation::try_again(Timer& timer, ServiceId id, const Entry& entry, Duration pause,
                                          std::function<void(Entry&)> what) {
    timer = std::make_unique<boost::asio::steady_timer>(context_, pause);
    timer->async_wait([weak = weak_from_this(), id, generation = entry.generation,
                       what = std::move(what)](const boost::system::error_code& cancelled) {
        const auto self = cancelled ? nullptr : weak.lock();
        Entry* found = self ? self->find(id) : nullptr;
        if (found != nullptr && found->generation == generation) what(*found);
    });
}

void ProcessHostImplementation::take_main(ServiceId id, Entry& entry, pid_t pid, UniqueFd held) {
    note_main(entry, pid);
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

ProcessHostImplementation::Held ProcessHostImplementation::hold_adopted(const std::string& leaf,
                                                                        const AdoptedProcess& process,
                                                                        UniqueFd& held) const {
    if (process.pid == 0) return hold_leader(leaf, held);
    // A number alone says little: by now it may be a stranger's.
    if (process.start == 0 && !is_left_behind(leaf, process.pid)) return {};
    return hold_if_it_runs(process, held);
}

bool ProcessHostImplementation::is_left_behind(const std::string& leaf, pid_t pid) const {
    const std::vector<pid_t> left = tree_->left_behind(leaf);
    return std::ranges::find(left, pid) != left.end();
}

// Where the earlier daemon died before it knew the pid, the leader of a session in the service's tree is the main
// process: each is launched as one.
ProcessHostImplementation::Held ProcessHostImplementation::hold_leader(const std::string& leaf,
                                                                       UniqueFd& held) const {
    for (const pid_t pid : leaders_in(leaf)) {
        const Held last = hold_if_it_runs({.pid = pid}, held);
        if (last.error != 0) return last;
        if (last.pid != 0 && (options_.cgroup_root.empty() || tree_->contains(leaf, pid))) return last;
    }
    held.reset();
    return {};
}

// Held before it is looked at, so that the number cannot become another's in between. Pid and start time name a process
// for good, wherever it has gone since: its cgroup is not asked for. A start time of 0 is any. A child of ours needs no
// holding: until we reap it the number is its own, and nobody else can have launched it.
ProcessHostImplementation::Held ProcessHostImplementation::hold_if_it_runs(const AdoptedProcess& process,
                                                                           UniqueFd& held) {
    const auto gone_or = [](int error) { return Held{0, error == ESRCH || error == ENOENT ? 0 : error}; };
    ProcEntry seen;
    if (process.start != 0 && Reaper::is_child(process.pid)) {
        if (const int error = look_at_process(process.pid, seen); error != 0) return gone_or(error);
        return {seen.start == process.start ? process.pid : 0, 0};
    }
    held = ForeignProcess::hold(process.pid);
    if (!held) return gone_or(errno);
    if (const int error = look_at_process(process.pid, seen); error != 0) return gone_or(error);
    const bool another = process.start != 0 && seen.start != process.start;
    if (another || seen.ended() || is_unborn(seen) || !ForeignProcess::lives(held)) return {};
    return {process.pid, 0};
}

std::optional<AdoptedProcess> ProcessHostImplementation::find_leftover(const std::string& name,
                                                                       const AdoptedProcess& known) const {
    UniqueFd held;
    if (known.pid > 0) {
        const Held on_record = hold_adopted(name, known, held);
        if (on_record.pid != 0 || on_record.error != 0) return std::nullopt;
    }
    const Held found = hold_leader(name, held);
    if (found.error != 0) return AdoptedProcess{.leftover = true};  // adopt() looks until it is known
    ProcEntry seen;
    if (found.pid == 0 || !read_proc_entry(found.pid, seen) || !ForeignProcess::lives(held))
        return std::nullopt;
    return AdoptedProcess{.pid = found.pid, .start = seen.start, .leftover = true};
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

// At once: it has nothing to bring to an end, and must not become the service after all.
void ProcessHostImplementation::kill_unborn(const Entry& entry) const {
    for (const pid_t pid : leaders_in(entry.leaf())) {
        const UniqueFd held = ForeignProcess::hold(pid);
        ProcEntry process;
        if (!held || !read_proc_entry(pid, process) || !is_unborn(process) || !ForeignProcess::lives(held))
            continue;
        warnings_(entry.leaf(),
                  "process " + described({pid}) + " hangs in its launch by an earlier dpsupd, and is killed");
        ::kill(pid, SIGKILL);
    }
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

// Its ids are those with which it runs, at once; its name and home come from wherever users are looked up, later.
void ProcessHostImplementation::resume_identity(ServiceId id, Entry& entry) {
    const config::Process& process = entry.config->process;
    entry.identity = identities_.known(process);
    if (!entry.identity) {
        std::optional<Identity> ids = identity_of_process(entry.main_pid);
        // Whoever has become root since was not launched as root.
        const bool believed = ids && (ids->uid != 0 || process.user == "root" || process.user == "0");
        if (believed) entry.identity = std::make_shared<const Identity>(std::move(*ids));
        look_up_again(id, entry, again_pause_min);
    }
    resume_notify(id, entry, again_pause_min);
}

void ProcessHostImplementation::look_up_again(ServiceId id, const Entry& entry, Duration pause) {
    const auto told = [weak = weak_from_this(), id, generation = entry.generation,
                       pause](const Identities::Answer& identity) {
        const auto self = weak.lock();
        Entry* found = self ? self->find(id) : nullptr;
        if (found != nullptr && found->generation == generation && found->phase == Phase::running)
            self->looked_up_again(id, *found, pause, identity);
    };
    identities_.look_up(entry.config->process, told);
}

void ProcessHostImplementation::looked_up_again(ServiceId id, Entry& entry, Duration pause,
                                                const Identities::Answer& identity) {
    if (identity) {
        entry.identity = *identity;
        return resume_notify(id, entry, again_pause_min);
    }
    if (pause == again_pause_min)
        warnings_(entry.leaf(),
                  "its user cannot be looked up, which is tried again: " + identity.error().detail);
    try_again(entry.look_again, id, entry, pause, [this, id, pause](Entry& again) {
        look_up_again(id, again, std::min(2 * pause, again_pause_max));
    });
}

void ProcessHostImplementation::resume_notify(ServiceId id, Entry& entry, Duration pause) {
    if (!entry.config->policy.notify || !entry.identity || entry.phase != Phase::running) return;
    if (entry.notify && entry.notify->uid() == entry.identity->uid) return;  // it listens already
    if (const auto opened = open_notify(id, entry); !opened) {
        if (pause == again_pause_min)
            warnings_(entry.leaf(),
                      "its notifications cannot be heard, which is tried again: " + opened.error().detail);
        return try_again(entry.open_again, id, entry, pause, [this, id, pause](Entry& again) {
            resume_notify(id, again, std::min(2 * pause, again_pause_max));
        });
    }
    hear_notify(id, entry);
    schedule_flush();
}

void ProcessHostImplementation::end_adoption() {
    end_notify_adoption();
    tree_->kill_unclaimed();
}

std::vector<UniqueFd> ProcessHostImplementation::listening_sockets(ServiceId id) const {
    const Entry* entry = find(id);
    if (entry == nullptr || !entry->foreign) return {};
    return entry->foreign->listening_sockets();
}

// While its number is certainly its own: what comes later may be another's.
void ProcessHostImplementation::note_main(Entry& entry, pid_t pid) {
    entry.main_pid = pid;
    ProcEntry process;
    entry.main_start = read_proc_entry(pid, process) ? process.start : 0;
}

std::uint64_t ProcessHostImplementation::process_start(ServiceId id) const {
    const Entry* entry = find(id);
    if (entry == nullptr) return 0;
    ProcEntry process;
    if (entry->main_start == 0 && entry->main_pid > 0 && read_proc_entry(entry->main_pid, process))
        return process.start;
    return entry->main_start;
}

}  // namespace dpsup::io
