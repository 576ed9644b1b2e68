// A command of the daemon's own, with its user, environment and cgroup, in no service. Launched as everything else is, by
// the launching thread, so that a program on a file system that does not answer holds nobody up.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "io/process/command_output.hpp"
#include "io/process/launch_worker.hpp"
#include "io/process/process_host.hpp"
#include "io/process/reaper.hpp"

namespace dpsup::io {

class OwnCommand : public std::enable_shared_from_this<OwnCommand> {
public:
    OwnCommand(boost::asio::io_context& context, LaunchWorker& worker, Reaper& reaper,
               ProcessHost::CommandCallback callback);

    // Once. Calls back exactly once, soon after `timeout` at the latest; then it is killed.
    void run(std::vector<std::string> command, const LaunchDefaults& defaults, Duration timeout);

private:
    void launched(const Staged<pid_t>& pid);
    void answer(CommandResult result);

    boost::asio::io_context& context_;
    LaunchWorker& worker_;
    Reaper& reaper_;
    ProcessHost::CommandCallback callback_;
    boost::asio::steady_timer timer_;
    CommandOutput output_;
    pid_t pid_ = 0;
};

}  // namespace dpsup::io
