// What is behind ProcessHost. One service's life here:
//
//   idle --launch--> queued --its turn--> launching --exec'd--> running --main process ends--> ending --empty--> idle
//                                             |
//                                             +--failed--> idle
//
// `queued` includes the time in which its user is looked up, and in which the root of all trees is made anew. A stop takes the turn away from what is queued, or still
// waits for the launching thread; what is asked of an instance whose child is about to be born is done once it runs.
// What an earlier daemon launched is adopted through `launching` as well: it is left once it is known what runs.
// `ending` is left only when nothing of the service runs any more; then Emptied is told. A kill while nothing
// is known to run goes through `ending` too, so that leftovers of any generation end as those of the last one
// do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/inotify.hpp"
#include "io/journal/rotation.hpp"
#include "io/process/command_runner.hpp"
#include "io/process/foreign_process.hpp"
#include "io/process/identities.hpp"
#include "io/process/launch_worker.hpp"
#include "io/process/notify_message.hpp"
#include "io/process/notify_socket.hpp"
#include "io/process/own_command.hpp"
#include "io/process/process_host.hpp"
#include "io/process/process_tree.hpp"
#include "io/process/reaper.hpp"
#include "io/process/starter.hpp"
#include "io/workers.hpp"

namespace dpsup::io {

// Why nothing can be run beside an instance that was just adopted.
inline constexpr const char* unknown_identity = "its user has not been looked up yet";

class ProcessHostImplementation : public std::enable_shared_from_this<ProcessHostImplementation> {
public:
    ProcessHostImplementation(boost::asio::io_context& context, ProcessHostOptions options,
                              ProcessHost::EventSink events, ProcessHost::WarningSink warnings);
    ~ProcessHostImplementation();
    ProcessHostImplementation(const ProcessHostImplementation&) = delete;
    ProcessHostImplementation& operator=(const ProcessHostImplementation&) = delete;
    [[nodiscard]] Result<void> open();

    void launch(ServiceId id, Generation generation, ServiceConfig config, PassedSockets sockets);
    void inherit_notify(const std::string& service, UniqueFd socket);
    void adopt(ServiceId id, Generation generation, ServiceConfig config, const AdoptedProcess& process);
    [[nodiscard]] std::optional<AdoptedProcess> find_leftover(const std::string& name,
                                                              const AdoptedProcess& known) const;
    void end_adoption();
    void tell_of_missing_descriptors() const;
    [[nodiscard]] bool queued(ServiceId id, Generation generation) const;
    [[nodiscard]] std::uint64_t process_start(ServiceId id) const;
    [[nodiscard]] std::vector<UniqueFd> listening_sockets(ServiceId id) const;
    void send_signal(ServiceId id, Generation generation, int signal, bool whole_tree);
    void kill_tree(ServiceId id, Generation generation);
    void reload(ServiceId id, Generation generation, ServiceConfig config);
    void bound_log(ServiceId id, const config::LogConfig& log);
    void limit(ServiceId id, const config::Limits& limits);
    void forget(ServiceId id);
    CommandNumber run_in_service(ServiceId id, std::vector<std::string> command, Duration timeout,
                                 ProcessHost::CommandCallback callback, CommandProgress progress);
    void kill_command(CommandNumber number);
    void run_as_daemon(std::vector<std::string> command, Duration timeout,
                       ProcessHost::CommandCallback callback);
    void hold();
    [[nodiscard]] bool launching() const { return worker_.busy(); }
    void kill_launching() { worker_.kill_children(); }
    void hold_exits() { reaper_.hold(); }
    void reap_ended() { reaper_.reap_all(); }
    void take_in_waiting(ServiceId id);
    void resume();
    void flush();
    [[nodiscard]] std::string status_text(ServiceId id) const;

private:
    enum class Phase : std::uint8_t { idle, queued, launching, running, ending };

    struct Signal {
        int number = 0;
        bool whole_tree = false;
    };
    using Timer = std::unique_ptr<boost::asio::steady_timer>;
    struct Entry {
        Phase phase = Phase::idle;
        bool kill_asked = false;  // whoever is left is to be killed again whenever something has ended
        bool spoof_warned = false;
        bool main_pid_warned = false;
        pid_t main_pid = 0;      // of a child that is not reaped, or of `foreign`: no other has this number
        pid_t launched_pid = 0;  // until it is reaped
        std::uint64_t main_start = 0;  // of the last main process that was seen to run; see process_start()
        Reaper::Watch launched;
        Reaper::Watch named;  // of the main process that was named by MAINPID=
        Generation generation;
        ServiceConfig config;                                        // of the last launch
        std::shared_ptr<const Identity> identity;                    // as whom it runs; none: not known yet
        LaunchWorker::Ticket ticket = LaunchWorker::Ticket::none;    // while it is being launched
        LaunchWorker::Ticket given_up = LaunchWorker::Ticket::none;  // cancelled, and not over
        std::string given_up_as;                                     // its definition
        std::uint64_t oom_kills = 0;                                 // before the launch
        std::string log_path;
        std::uint64_t log_size_max = 0;
        std::uint32_t log_keep = 0;
        PassedSockets sockets;        // until its launch has them
        std::vector<Signal> signals;  // asked for while it is being launched
        std::string status;
        std::unique_ptr<NotifySocket> notify;
        unsigned waits_for_end = 0;  // of its launch, for what still runs in its tree
        Timer look_again;            // queued: at its tree; adopted: at what could not be looked at or up
        Timer open_again;            // adopted: its notify socket
        std::unique_ptr<ForeignProcess> foreign;  // the main process, where it is no child of ours
        [[nodiscard]] const std::string& leaf() const { return config->name; }
    };
    struct Launch {
        ServiceId id;
        Generation generation;
    };

    [[nodiscard]] Entry* find(ServiceId id);
    [[nodiscard]] const Entry* find(ServiceId id) const;
    // Runs function(*this) in a later turn, if we still live then.
    template <class Function>
    void later(Function function) {
        boost::asio::post(context_, [weak = weak_from_this(), function] {
            if (const auto self = weak.lock()) function(*self);
        });
    }

    void emit(ServiceId id, Generation generation, core::Fact fact);
    void schedule_flush();

    void schedule_launches();
    void launch_some();
    void look_up_user(ServiceId id, const Entry& entry);
    void identified(ServiceId id, Generation generation, const Identities::Answer& identity);
    void wait_for_end(ServiceId id, Entry& entry);
    void wait_for_tree(ServiceId id, const Entry& entry);
    void tree_opened(const Result<void>& opened);
    void start(ServiceId id, Entry& entry);
    [[nodiscard]] Staged<LaunchJob> prepare(ServiceId id, Entry& entry);
    [[nodiscard]] bool given_up_is_over(ServiceId id, LaunchWorker::Ticket ticket);
    void watch_log(Entry& entry, const std::string& path);
    void left_worker(LaunchWorker::Ticket ticket);
    void launched(ServiceId id, Generation generation, const Staged<pid_t>& pid, const LaunchJob& job);
    void launch_failed(ServiceId id, Entry& entry, const core::LaunchFailed& failure);
    void signal_now(ServiceId id, Entry& entry, const Signal& signal);
    static void signal_main(const Entry& entry, int signal);
    void kill_all(Entry& entry);
    void run_reload(ServiceId id, const Entry& entry, const config::ReloadCommand& reload);
    [[nodiscard]] std::string socket_path(const std::string& service) const;
    [[nodiscard]] Staged<void> open_notify(ServiceId id, Entry& entry);
    void close_notify(Entry& entry);
    void drop_notify(const std::string& service) const;
    void hear_notify(ServiceId id, Entry& entry);
    void claim_notify(ServiceId id, Entry& entry);
    void end_notify_adoption();
    void leave_notify();
    // True: nothing of the launch will ever run, and the entry is idle.
    [[nodiscard]] bool cancel_launch(Entry& entry);

    [[nodiscard]] Reaper::Watch watch_process(ServiceId id, Generation generation, pid_t pid);
    void process_ended(ServiceId id, Generation generation, pid_t pid, core::Exited exited);
    void main_ended(ServiceId id, Entry& entry, core::Exited exited);
    void foreign_ended(ServiceId id, Generation generation, pid_t pid, const core::Exited& exited);
    void check_empty(ServiceId id, Entry& entry);
    void stranger_ended();
    void look_again();
    void tree_changed(const std::string& leaf);

    bool heard(ServiceId id, const NotifySender& sender, std::string_view text);
    [[nodiscard]] bool may_speak(Entry& entry, const NotifySender& sender);
    [[nodiscard]] bool change_main(ServiceId id, Entry& entry, pid_t pid);
    void forget_main(Entry& entry);
    // A process of an earlier daemon that is held; a child of ours needs no holding.
    struct Held {
        pid_t pid = 0;  // 0: it is gone
        int error = 0;  // else: it could not be looked at
    };
    void settle_adoption(ServiceId id, Entry& entry, const AdoptedProcess& process, Duration pause);
    void adopt_later(ServiceId id, Entry& entry, const AdoptedProcess& process, Duration pause, int error);
    void try_again(Timer& timer, ServiceId id, const Entry& entry, Duration pause,
                   std::function<void(Entry&)> what);
    static void note_main(Entry& entry, pid_t pid);
    void take_main(ServiceId id, Entry& entry, pid_t pid, UniqueFd held);
    [[nodiscard]] Held hold_adopted(const std::string& leaf, const AdoptedProcess& process,
                                    UniqueFd& held) const;
    [[nodiscard]] bool is_left_behind(const std::string& leaf, pid_t pid) const;
    [[nodiscard]] Held hold_leader(const std::string& leaf, UniqueFd& held) const;
    [[nodiscard]] static Held hold_if_it_runs(const AdoptedProcess& process, UniqueFd& held);
    void kill_unborn(const Entry& entry) const;
    [[nodiscard]] std::vector<pid_t> leaders_in(const std::string& leaf) const;
    void tell_of_leftovers(const Entry& entry, const AdoptedProcess& process, pid_t pid);
    void resume_output(Entry& entry);
    void resume_identity(ServiceId id, Entry& entry);
    void look_up_again(ServiceId id, const Entry& entry, Duration pause);
    void looked_up_again(ServiceId id, Entry& entry, Duration pause, const Identities::Answer& identity);
    void resume_notify(ServiceId id, Entry& entry, Duration pause);

    boost::asio::io_context& context_;
    ProcessHostOptions options_;
    ProcessHost::EventSink events_;
    ProcessHost::WarningSink warnings_;
    Inotify inotify_;
    Rotation rotation_;
    Starter starter_;
    std::unique_ptr<ProcessTree> tree_;
    Reaper reaper_;
    LaunchWorker worker_;
    Identities identities_;
    std::unique_ptr<CommandRunner> commands_;
    std::unordered_map<std::string, UniqueFd> inherited_notify_;  // by service; nobody has taken them
    std::unordered_map<ServiceId, Entry> entries_;
    std::unordered_map<std::string, ServiceId> by_name_;
    std::deque<Launch> queue_;
    std::vector<Launch> waiting_for_tree_;
    Workers tree_opener_;
    std::deque<core::ServiceEvent> outbox_;
    std::set<ServiceId> ending_;
    std::set<ServiceId> reloading_;             // their reload command is not gone yet
    std::set<LaunchWorker::Ticket> launching_;  // but for those that are held up
    bool launches_held_ = false;
    bool launches_scheduled_ = false;
    bool flush_scheduled_ = false;
    bool flushing_ = false;
    bool recheck_scheduled_ = false;
    boost::asio::steady_timer next_look_;
    int looks_ = 0;  // since somebody was last asked to be killed
    bool look_scheduled_ = false;
};

}  // namespace dpsup::io
