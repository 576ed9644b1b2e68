// Runs commands beside a service (exec probes, reload commands): each in a tree of its own within the
// service's, a few at a time, each with a deadline, with nothing left behind.
//
//   waiting --its turn--> launching --exec'd--> running --reaped--> gone
//                             `--killed while its files do not answer--> given up --they answer--> gone
//
// A command holds one of the places from its turn to its end, or to its time-out where it cannot be killed:
// what hangs in the kernel takes no place away from others. Whoever asks for commands again and again waits
// for `gone`, and so has one at a time.
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
    // `settled`: told when a command has been reaped or could not be launched, so that its service's tree may
    // be empty now.
    CommandRunner(boost::asio::io_context& context, Starter& starter, LaunchWorker& worker, ProcessTree& tree,
                  Reaper& reaper, std::size_t places, std::function<void()> settled);
    ~CommandRunner();
    CommandRunner(const CommandRunner&) = delete;
    CommandRunner& operator=(const CommandRunner&) = delete;

    struct Request {
        ServiceId service;
        ServiceConfig config;
        std::shared_ptr<const Identity> identity;  // that of the instance
        std::vector<std::string> command;
        ExtraVariables variables;
        Duration timeout{};
        ProcessHost::CommandCallback callback;
        CommandProgress progress;
    };
    // Calls back from the loop, exactly once.
    CommandNumber run(Request request);
    void kill(CommandNumber number);
    // No command starts between the two.
    void hold() { held_ = true; }
    void resume();
    // The service ends: its commands are killed, and those that wait are refused.
    void cancel(ServiceId service);
    // Whether a child may be born into the service's tree any moment, however empty that looks.
    [[nodiscard]] bool launching_for(ServiceId service) const;

private:
    struct Command;
    using Number = CommandNumber;

    [[nodiscard]] Command* find(Number number);
    void arm_timer(Number number, Command& command);
    void schedule_starts();
    void start_some();
    void start(Number number, Command& command);
    void launched(Number number, const Staged<pid_t>& pid, const LaunchJob& job);
    void refuse(Number number, Command& command, std::string why);
    void ended(Number number, const core::Exited& exited);
    void timed_out(Number number);
    void answer(Command& command, CommandResult result);
    void kill(Number number, Command& command, const std::string& why);
    void leave_place(Command& command);
    void drop(Number number);
    void tell(std::function<void()> what);
    void bury(const std::string& leaf);
    void dig();

    boost::asio::io_context& context_;
    Starter& starter_;
    LaunchWorker& worker_;
    ProcessTree& tree_;
    Reaper& reaper_;
    std::size_t places_;
    std::function<void()> settled_;
    std::size_t taken_ = 0;  // places
    bool starts_scheduled_ = false;
    bool held_ = false;
    Number last_number_ = 0;
    std::map<Number, std::unique_ptr<Command>> commands_;
    std::deque<Number> waiting_;
    struct Graves;
    std::unique_ptr<Graves> graves_;  // trees that could not be removed yet
    std::shared_ptr<bool> alive_;
};

}  // namespace dpsup::io
