// Runs commands beside a service (exec probes, reload commands): each in a tree of its own within the
// service's, a few at a time, each with a deadline, with nothing left behind.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/id.hpp"
#include "io/process/process_host.hpp"
#include "io/process/process_tree.hpp"
#include "io/process/reaper.hpp"
#include "io/process/starter.hpp"

namespace dpsup::io {

class CommandRunner {
public:
    // `ended`: told when a command has been reaped, so that its service's tree may be empty now.
    CommandRunner(boost::asio::io_context& context, Starter& starter, LaunchWorker& worker, ProcessTree& tree,
                  Reaper& reaper, std::size_t running_max, std::function<void()> ended);
    ~CommandRunner();
    CommandRunner(const CommandRunner&) = delete;
    CommandRunner& operator=(const CommandRunner&) = delete;

    struct Request {
        ServiceId service;
        ServiceConfig config;
        std::vector<std::string> command;
        ExtraVariables variables;
        Duration timeout{};
        ProcessHost::CommandCallback callback;
    };
    // Calls back from the loop, exactly once.
    void run(Request request);
    // The service ends: its commands are killed, and those that wait are refused.
    void cancel(ServiceId service);

private:
    struct Command;
    using Number = std::uint64_t;

    void start_next();
    void start(Number number, Command& command);
    void started(Number number, const Staged<pid_t>& pid, const UniqueFd& output);
    void ended(Number number, const core::Exited& exited);
    void timed_out(Number number);
    void answer(Command& command, CommandResult result);
    void kill(Command& command);
    void drop(Number number);
    void bury(const std::string& leaf);
    void dig();

    boost::asio::io_context& context_;
    Starter& starter_;
    LaunchWorker& worker_;
    ProcessTree& tree_;
    Reaper& reaper_;
    std::size_t running_max_;
    std::function<void()> ended_;
    std::size_t running_ = 0;
    Number last_number_ = 0;
    std::map<Number, std::unique_ptr<Command>> commands_;
    std::deque<Number> waiting_;
    struct Graves;
    std::unique_ptr<Graves> graves_;  // trees that could not be removed yet
    std::shared_ptr<bool> alive_;
};

}  // namespace dpsup::io
