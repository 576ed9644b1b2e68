// Launching: the queue, and one launch.
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <utility>

#include "config/difference.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {
namespace {

// What still runs in a service's tree has a second to end before its launch fails.
constexpr Duration wait_for_end_pause = std::chrono::milliseconds(20);
constexpr unsigned waits_for_end_max = 50;

ExtraVariables notify_variables(const config::Service& service, const std::string& socket) {
    if (!service.policy.notify) return {};
    ExtraVariables variables{{"NOTIFY_SOCKET", socket}};
    const auto watchdog = std::chrono::duration_cast<std::chrono::microseconds>(service.policy.watchdog);
    if (watchdog.count() > 0) variables.emplace_back("WATCHDOG_USEC", std::to_string(watchdog.count()));
    return variables;
}

}  // namespace

void ProcessHostImplementation::launch(ServiceId id, Generation generation, ServiceConfig config,
                                       PassedSockets sockets) {
    Entry& entry = entries_[id];
    if (entry.phase != Phase::idle && entry.phase != Phase::queued) {
        emit(id, generation, core::LaunchFailed{"launch", EBUSY, "an earlier instance still runs"});
        return schedule_flush();
    }
    by_name_[config->name] = id;
    entry.config = std::move(config);
    entry.identity.reset();
    entry.sockets = std::move(sockets);
    entry.log_size_max = entry.config->process.log.max_size;
    entry.log_keep = entry.config->process.log.keep;
    entry.generation = generation;
    entry.phase = Phase::queued;
    entry.waits_for_end = 0;
    queue_.push_back({id, generation});
    schedule_launches();
}

bool ProcessHostImplementation::queued(ServiceId id, Generation generation) const {
    const Entry* entry = find(id);
    return entry == nullptr || entry->generation != generation || entry->phase == Phase::queued;
}

void ProcessHostImplementation::schedule_launches() {
    if (launches_scheduled_) return;
    launches_scheduled_ = true;
    later([](ProcessHostImplementation& self) { self.launch_some(); });
}

// A thousand launches at once take a second or so; exits, requests and probes get their turn in between, and the
// worker is never without its next launch.
void ProcessHostImplementation::launch_some() {
    launches_scheduled_ = false;
    if (launches_held_) return;
    while (launching_.size() < options_.launches_at_once && !queue_.empty()) {
        const Launch launch = queue_.front();
        queue_.pop_front();
        Entry* entry = find(launch.id);
        if (entry == nullptr || entry->phase != Phase::queued || entry->generation != launch.generation)
            continue;
        // It goes on when that is over: so it has no more than one thread that hangs, however often it is started; unless
        // somebody has changed what it waits for.
        if (entry->given_up != LaunchWorker::Ticket::none &&
            entry->given_up_as == config::fingerprint(*entry->config))
            continue;
        if (!entry->identity) entry->identity = identities_.known(entry->config->process);
        if (!entry->identity)
            look_up_user(launch.id, *entry);
        else if (options_.open_cgroup_root && tree_->gone())
            wait_for_tree(launch.id, *entry);
        else if (!tree_->vacant(entry->leaf()) && entry->waits_for_end < waits_for_end_max)
            wait_for_end(launch.id, *entry);
        else
            start(launch.id, *entry);
    }
    flush();
}

// Of what is about to be gone, or may be somebody else's: whoever ends shows little of himself. See prepare() for the rest.
void ProcessHostImplementation::wait_for_end(ServiceId id, Entry& entry) {
    ++entry.waits_for_end;
    try_again(entry.look_again, id, entry, wait_for_end_pause, [this, id](Entry& again) {
        if (again.phase != Phase::queued) return;
        queue_.push_back({id, again.generation});
        schedule_launches();
    });
}

void ProcessHostImplementation::look_up_user(ServiceId id, const Entry& entry) {
    identities_.look_up(entry.config->process, [weak = weak_from_this(), id, generation = entry.generation](
                                                   const Identities::Answer& identity) {
        if (const auto self = weak.lock()) self->identified(id, generation, identity);
    });
}

void ProcessHostImplementation::identified(ServiceId id, Generation generation,
                                           const Identities::Answer& identity) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->phase != Phase::queued || entry->generation != generation) return;
    if (identity) {
        entry->identity = *identity;
        queue_.push_back({id, generation});
        return schedule_launches();
    }
    launch_failed(id, *entry, identity.error());
    flush();
}

// Whoever comes while it is being made waits for the same.
void ProcessHostImplementation::wait_for_tree(ServiceId id, const Entry& entry) {
    waiting_for_tree_.push_back({id, entry.generation});
    if (waiting_for_tree_.size() > 1) return;
    warnings_("", "the cgroup " + options_.cgroup_root +
                      ", in which services run, has been removed by somebody: making it anew");
    const auto opened = std::make_shared<Result<void>>(fail("cgroup", "no answer"));
    const auto open = [opened, open = options_.open_cgroup_root] { *opened = open(); };
    if (!tree_opener_.submit(open, [this, opened] { tree_opened(*opened); }))
        later([](ProcessHostImplementation& self) {
            self.tree_opened(fail("cgroup", "no thread can be started to make it anew"));
        });
}

void ProcessHostImplementation::tree_opened(const Result<void>& opened) {
    for (const Launch& launch : std::exchange(waiting_for_tree_, {})) {
        Entry* entry = find(launch.id);
        if (entry == nullptr || entry->phase != Phase::queued || entry->generation != launch.generation)
            continue;
        if (opened)
            queue_.push_back(launch);
        else
            launch_failed(launch.id, *entry,
                          {"cgroup", ENOENT,
                           options_.cgroup_root + " has been removed by somebody, and cannot be made anew: " +
                               opened.error().message});
    }
    schedule_launches();
    flush();
}

void ProcessHostImplementation::start(ServiceId id, Entry& entry) {
    entry.status.clear();
    entry.signals.clear();
    entry.spoof_warned = false;
    entry.main_pid_warned = false;
    entry.kill_asked = false;
    entry.foreign.reset();
    auto job = prepare(id, entry);
    if (!job) return launch_failed(id, entry, job.error());
    entry.phase = Phase::launching;
    if (options_.launch_begins) options_.launch_begins(id);
    // Neither is told after the worker has gone, which is a part of us.
    const auto done = [this, id, generation = entry.generation](
                          LaunchWorker::Ticket ticket, const Staged<pid_t>& pid, const LaunchJob& made) {
        left_worker(ticket);
        if (given_up_is_over(id, ticket)) return;
        launched(id, generation, pid, made);
    };
    const auto held_up = [this](LaunchWorker::Ticket ticket) { left_worker(ticket); };
    entry.ticket = worker_.launch(std::move(*job), {.done = done, .held_up = held_up});
    launching_.insert(entry.ticket);
}

// Or is held up there: in either case the next one may be prepared.
void ProcessHostImplementation::left_worker(LaunchWorker::Ticket ticket) {
    if (launching_.erase(ticket) > 0) schedule_launches();
}

// A launch that was cancelled while its files did not answer; one of the same service may wait for that.
bool ProcessHostImplementation::given_up_is_over(ServiceId id, LaunchWorker::Ticket ticket) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->given_up != ticket) return false;
    entry->given_up = LaunchWorker::Ticket::none;
    if (entry->phase == Phase::queued) {
        queue_.push_back({id, entry->generation});
        schedule_launches();
    }
    return true;
}

Staged<LaunchJob> ProcessHostImplementation::prepare(ServiceId id, Entry& entry) {
    // A process that is still there may hold the service's port or data: two instances are worse than none.
    if (!tree_->vacant(entry.leaf()))
        return stage_failed("launch", EBUSY,
                            "processes of an earlier instance of " + entry.leaf() + " still run");
    if (auto opened = open_notify(id, entry); !opened) return tl::unexpected(opened.error());
    auto job = starter_.prepare_service(*tree_, entry.config, entry.identity,
                                        notify_variables(*entry.config, socket_path(entry.leaf())),
                                        std::exchange(entry.sockets, {}));
    if (job) entry.oom_kills = tree_->oom_kills(entry.leaf());
    return job;
}

// The file of its output may have been bounded before, and with other bounds.
void ProcessHostImplementation::watch_log(Entry& entry, const std::string& path) {
    if (entry.log_path != path) rotation_.forget(entry.log_path);
    entry.log_path = path;
    if (!path.empty()) rotation_.watch(path, entry.log_size_max, entry.log_keep);
}

void ProcessHostImplementation::launched(ServiceId id, Generation generation, const Staged<pid_t>& pid,
                                         const LaunchJob& job) {
    Entry* entry = find(id);
    const bool wanted =
        entry != nullptr && entry->phase == Phase::launching && entry->generation == generation;
    if (wanted && pid) {
        entry->phase = Phase::running;
        note_main(*entry, *pid);
        entry->launched_pid = *pid;
        tree_->started(entry->leaf(), *pid, job.output.get());
        watch_log(*entry, job.log_path);
        if (options_.output_began && !job.log_path.empty()) options_.output_began(id, job.log_begin);
        entry->launched = watch_process(id, generation, *pid);
        emit(id, generation, core::Launched{*pid});
        for (const Signal& signal : std::exchange(entry->signals, {})) signal_now(id, *entry, signal);
        if (entry->kill_asked) tree_->kill(entry->leaf());
        if (entry->notify) entry->notify->listen();
    } else if (wanted) {
        launch_failed(id, *entry, pid.error());
    } else if (pid && Reaper::is_child(*pid)) {
        ::kill(*pid, SIGKILL);  // forgotten meanwhile
    }
    flush();
}

void ProcessHostImplementation::launch_failed(ServiceId id, Entry& entry, const core::LaunchFailed& failure) {
    entry.phase = Phase::idle;
    entry.sockets.clear();
    emit(id, entry.generation, failure);
}

void ProcessHostImplementation::limit(ServiceId id, const config::Limits& limits) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->phase == Phase::idle || entry->config->process.limits == limits) return;
    auto config = std::make_shared<config::Service>(*entry->config);
    config->process.limits = limits;
    entry->config = std::move(config);
    if (entry->phase != Phase::queued) tree_->limit(entry->leaf(), limits);
}

// What has no process yet needs none to die.
bool ProcessHostImplementation::cancel_launch(Entry& entry) {
    if (entry.phase == Phase::launching) {
        if (worker_.give_up(entry.ticket)) {
            entry.given_up = entry.ticket;
            entry.given_up_as = config::fingerprint(*entry.config);
        } else if (!worker_.cancel(entry.ticket))
            return false;
        left_worker(entry.ticket);
    } else if (entry.phase != Phase::queued) {
        return false;
    }
    entry.phase = Phase::idle;
    entry.sockets.clear();
    return true;
}

}  // namespace dpsup::io
