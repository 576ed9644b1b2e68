// Launches in a thread of its own, so that the loop never stands still with a launch. Between clone and exec the
// launching thread waits for its child, and the child may be held up: by a program on a file system that does not
// answer, or by a process of the service's own user that stops it with SIGSTOP in the moment in which the child has
// taken that user on. Neither may hold up the daemon. A child that is stopped is continued after a second and killed
// after five; while it cannot even die, another thread takes the next launches.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/process/launch_plan.hpp"
#include "io/process/stage.hpp"
#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

struct LaunchJob {
    std::unique_ptr<LaunchPlan> plan;
    UniqueFd output;  // kept open until the child has it
};

class LaunchWorker {
public:
    // Told on the loop. The descriptor is that of the job.
    using Done = std::function<void(Staged<pid_t> pid, const UniqueFd& output)>;
    using Warn = std::function<void(const std::string& message)>;

    LaunchWorker(boost::asio::io_context& context, Warn warn);
    ~LaunchWorker();  // waits a little for the launch under way, then kills it; nothing is told any more
    LaunchWorker(const LaunchWorker&) = delete;
    LaunchWorker& operator=(const LaunchWorker&) = delete;

    void launch(LaunchJob job, Done done);
    // That child was reaped elsewhere: its number may be another's from now on.
    void reaped(pid_t pid);

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
