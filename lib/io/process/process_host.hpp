// The hands that hold processes: launches services, signals and kills whole trees, hears exits and sd_notify,
// and tells the brain what happened as ServiceEvents. All on one io_context and its thread; only the step from
// clone to exec is taken in another, since it may be held up.
//
// Every call returns at once. Events come from the loop, never from within a call; so the callback may call
// back. An instance is answered for exactly once: Launched or LaunchFailed; after Launched, Exited and then
// Emptied (in the same turn where the main process was alone).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "config/model.hpp"
#include "core/supervise/event.hpp"
#include "io/journal/output.hpp"
#include "io/process/stage.hpp"
#include "io/socket/passed_socket.hpp"
#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

struct Identity;
class LaunchPlan;

// A service's configuration, as of one launch. Shared, since the engine keeps it too; never changed.
using ServiceConfig = std::shared_ptr<const config::Service>;

struct ProcessHostOptions {
    std::string runtime_dir;  // holds notify/NAME.sock
    std::string log_dir;      // holds NAME.log where there is no journal
    // A directory of ours in a cgroup v2 hierarchy (see cgroup_root.hpp); created where it is missing. Empty:
    // processes are tracked as descendants of this process, which becomes a subreaper.
    std::string cgroup_root;
    // Makes `cgroup_root` anew where it has gone meanwhile; called in a thread, and may wait. Empty: nobody does, and
    // launches fail until it is there again.
    std::function<Result<void>()> open_cgroup_root;
    // Marks our processes where there is no cgroup (DPSUP_INSTANCE in their environment): the same for a daemon and
    // for those that take over from it. Empty: one that nobody else has.
    std::string instance;
    std::string journal_socket = "/run/systemd/journal/stdout";
    std::string journal_unit;  // of systemd, in which `cgroup_root` lies; see OutputPaths
    // Of services that name none: that with which the daemon was started (descriptor_limit.hpp). Without it they could
    // open nothing, so that nobody forgets it.
    rlimit64 nofile{};
    std::size_t launches_at_once =
        4;                          // prepared and handed to the launching thread; the others wait in order
    std::size_t commands_max = 32;  // run_in_service and reload commands at a time; more wait for their turn
    // Told when a launch's turn has come, before anything of it can run; within the loop's turn.
    std::function<void(ServiceId)> launch_begins;
    // Told just before Launched, where the output is a file.
    std::function<void(ServiceId, const OutputBegin&)> output_began;
    // Where its notify socket outlives this process: told when it is opened, or gone on with, and when it is closed.
    std::function<void(const std::string& service, int fd)> keep_notify;
    std::function<void(const std::string& service)> drop_notify;
    // In place of the real ones, for tests; called in threads.
    std::function<Staged<pid_t>(LaunchPlan&)> launch;
    std::function<Staged<Identity>(const config::Process&)> resolve;
};

// How a command of run_in_service ended.
struct CommandResult {
    enum class End : std::uint8_t {
        exited,     // code: exit code
        signaled,   // code: signal number
        timed_out,  // it was killed, with all its leftovers
        refused,    // it was never started: no such service runs, too many wait, or detail says which stage
                    // failed
    };
    End end = End::refused;
    int code = 0;
    std::string detail;  // refused: why. Else the first bytes of its output (stdout and stderr), 512 at most
};

// What is on record of a main process that an earlier daemon launched.
struct AdoptedProcess {
    pid_t pid = 0;            // 0: it was about to be launched
    std::uint64_t start = 0;  // in clock ticks since boot
    bool queued = false;      // its launch had not begun (see launch_begins)
    bool leftover = false;    // there is no record of it: it was found running
};

// What is told of a command besides its result, on the loop; may be left empty.
struct CommandProgress {
    std::function<void()> launched;  // it runs
    std::function<void()> gone;      // the last word: it has been reaped, or will never run
};

using CommandNumber = std::uint64_t;

class ProcessHostImplementation;

class ProcessHost {
public:
    using EventSink = std::function<void(const core::ServiceEvent&)>;
    // One line for the daemon's log. `service` may be empty.
    using WarningSink = std::function<void(const std::string& service, const std::string& message)>;
    using CommandCallback = std::function<void(CommandResult)>;

    // Makes this process a subreaper and takes SIGCHLD over: every child of this process is reaped here.
    // Fails where cgroup_root cannot be used.
    [[nodiscard]] static Result<std::unique_ptr<ProcessHost>> create(boost::asio::io_context& context,
                                                                     ProcessHostOptions options,
                                                                     EventSink events, WarningSink warnings);
    ~ProcessHost();  // leaves services running, and their notify sockets kept; removes empty cgroups
    ProcessHost(const ProcessHost&) = delete;
    ProcessHost& operator=(const ProcessHost&) = delete;

    // Queues a launch; many at once are carried out in order, a few a turn. Answer: Launched or LaunchFailed.
    void launch(ServiceId id, Generation generation, ServiceConfig config, PassedSockets sockets = {});

    // A service's notify socket as an earlier dpsupd kept it; before the adoption. What was said meanwhile to an instance
    // that is adopted is heard.
    void inherit_notify(const std::string& service, UniqueFd socket);

    // Takes an instance over which an earlier daemon launched, before anything else is asked for its service. Answer:
    // Launched where its main process runs, and Notified with `listening` once its messages are heard; Launched also where
    // it has ended as a child of ours that nobody has reaped (then Exited follows, and says how); NotLaunched where it had
    // not come to that; else Exited, as unknown, and Emptied once nothing of it is left. Nothing as long as it cannot be
    // looked at.
    void adopt(ServiceId id, Generation generation, ServiceConfig config, const AdoptedProcess& process);

    // What runs of the service of that name though it is not `known`, the main process on record: its oldest process that
    // leads a session; without a pid where that cannot be looked at for now. Nothing where the main process on record runs
    // or cannot be looked at, or there is none such. To be asked before adopt().
    [[nodiscard]] std::optional<AdoptedProcess> find_leftover(const std::string& name,
                                                              const AdoptedProcess& known) const;

    // Kills whatever an earlier daemon left and nobody has adopted. Waits for it for two seconds at most; what lives on
    // keeps its service from being launched.
    void end_adoption();

    // Nothing happens where the generation does not run. A launch that is still queued is cancelled: Emptied.
    void send_signal(ServiceId id, Generation generation, int signal, bool whole_tree);

    // SIGKILL all that is left of the service, whatever its generation. Answer: Emptied, once nothing is
    // left.
    void kill_tree(ServiceId id, Generation generation);

    // Sends config.process.reload's signal or runs its command. Answer: Reloaded.
    void reload(ServiceId id, Generation generation, ServiceConfig config);

    // The bounds of its log file, of what runs and of what is launched later.
    void bound_log(ServiceId id, const config::LogConfig& log);
    // Its limits from now on, without a restart. Nothing happens where no instance runs or is being launched.
    void limit(ServiceId id, const config::Limits& limits);

    // Nothing of the service is left: gives its cgroup, sockets and watches back.
    void forget(ServiceId id);

    // Runs a command as the service's user, with its environment, limits and working directory, in a cgroup
    // of its own below the service's; refused while it is not known as whom the service runs. Calls back exactly
    // once, soon after `timeout` at the latest, also where the command cannot be killed; that nothing of it is left
    // is told by `gone`. Leftovers are killed.
    CommandNumber run_in_service(ServiceId id, std::vector<std::string> command, Duration timeout,
                                 CommandCallback callback, CommandProgress progress = {});
    // Kills it, or takes its turn away. Answered as ever.
    void kill_command(CommandNumber number);

    // A command of the daemon's own: with its user, environment and cgroup. Calls back as run_in_service does.
    void run_as_daemon(std::vector<std::string> command, Duration timeout, CommandCallback callback);

    // Before an exec in this process. Until resume() nothing more is launched; what the launching thread has in hand
    // comes to its end.
    void hold();
    [[nodiscard]] bool launching() const;
    void kill_launching();  // what does not come to its end
    // The last step: reaps nobody any more (that is left to whoever comes after), and tells all that is known.
    void hold_exits();
    void tell_all();
    void resume();

    // Before a deadline is judged. Tells, with tell_all(), who of our children has ended, and what else of the service has
    // happened that the loop has not come to yet: what it said, and the end of an adopted one.
    void reap_ended();
    void take_in_waiting(ServiceId id);

    // Whether the launch of this instance still waits for its turn, or has not been asked for.
    [[nodiscard]] bool queued(ServiceId id, Generation generation) const;
    // Of the main process, in clock ticks since boot. 0: nothing runs.
    [[nodiscard]] std::uint64_t process_start(ServiceId id) const;
    // Copies of the listening sockets of an adopted main process. None: nothing runs, or we may not look into it (that
    // takes root, and Linux 5.6).
    [[nodiscard]] std::vector<UniqueFd> listening_sockets(ServiceId id) const;
    // The last sd_notify STATUS= of the running instance; valid UTF-8, 256 bytes at most.
    [[nodiscard]] std::string status_text(ServiceId id) const;

private:
    explicit ProcessHost(std::shared_ptr<ProcessHostImplementation> implementation);
    std::shared_ptr<ProcessHostImplementation> implementation_;
};

}  // namespace dpsup::io
