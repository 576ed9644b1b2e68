// Launches in a thread of its own, so that the loop never stands still with a launch. Between clone and exec the
// launching thread waits for its child, and the child may be held up: by a program on a file system that does not
// answer, or by a process of the service's own user that stops it with SIGSTOP in the moment in which the child has
// taken that user on. So may the thread itself be, by the files that it reads before: secrets, env_files, the log.
// None of them may hold up the daemon, nor any other launch. A child that is stopped is continued after a
// second and killed after five. A launch that is not over after a second is held up: that is told, and another thread
// takes the next ones.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/journal/output.hpp"
#include "io/process/launch_plan.hpp"
#include "io/process/process_tree.hpp"
#include "io/process/reaper.hpp"
#include "io/process/stage.hpp"
#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

struct LaunchJob {
    std::unique_ptr<LaunchPlan> plan;
    UniqueFd output;             // kept open until the child has it
    PassedSockets sockets = {};  // as is this
    Placement placement = {};    // for the plan that `prepare` makes
    std::string log_path = {};   // empty: its output is no file
    OutputBegin log_begin = {};  // where in it what the service writes begins
    std::string name = {};       // for messages, as long as there is no plan
    // Where there is no plan yet: makes it, in the launching thread, since the files that it needs may not answer. Owns
    // all that it touches.
    std::function<Staged<void>(LaunchJob&)> prepare = {};
};

class LaunchWorker {
public:
    enum class Ticket : std::uint64_t { none };

    // Told on the loop, and not after cancel().
    struct Events {
        // The job has no plan any more.
        std::function<void(Ticket, const Staged<pid_t>& pid, const LaunchJob& job)> done;
        // It takes long, and perhaps for ever; `done` follows if it does come to an end. May be empty.
        std::function<void(Ticket)> held_up;
    };
    using Warn = std::function<void(const std::string& message)>;
    // Launches a plan; in place of Launcher::launch, for tests.
    using Launch = std::function<Staged<pid_t>(LaunchPlan&)>;

    // The reaper remembers the ends of children that die before `done` has told of them. The first thread is started
    // here, so that there is one however short threads get: throws std::system_error where it cannot be had.
    LaunchWorker(boost::asio::io_context& context, Reaper& reaper, Warn warn, Launch launch = {});
    ~LaunchWorker();  // waits a little for the launch under way, then kills it; nothing is told any more
    LaunchWorker(const LaunchWorker&) = delete;
    LaunchWorker& operator=(const LaunchWorker&) = delete;

    Ticket launch(LaunchJob job, Events events);
    // True: its turn had not come, and nothing of it will ever run.
    [[nodiscard]] bool cancel(Ticket ticket);
    // True: it is being prepared, and nothing of it will ever run; `done` follows when the files answer, with a failure.
    [[nodiscard]] bool give_up(Ticket ticket);
    // Whether any launch is not over, be it held up or waiting for its turn.
    [[nodiscard]] bool busy() const;
    // SIGKILL to the children that are not at their exec yet. `done` follows where that helps.
    void kill_children();
    // That child was reaped elsewhere: its number may be another's from now on.
    void reaped(pid_t pid);

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
