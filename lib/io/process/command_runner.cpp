#include "io/process/command_runner.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "io/process/command_output.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t waiting_max = 4096;
constexpr auto dig_pause = std::chrono::milliseconds(50);
constexpr int digs_max = 100;

std::string text_of(const core::LaunchFailed& failure) {
    std::string text = failure.stage + ": " + failure.detail;
    if (failure.error_number != 0) text += std::string(" (") + std::strerror(failure.error_number) + ")";
    return text;
}

CommandResult result_of(const core::Exited& exited, std::string output) {
    const auto end =
        exited.kind == core::ExitKind::exited ? CommandResult::End::exited : CommandResult::End::signaled;
    return {end, exited.code, std::move(output)};
}

}  // namespace

struct CommandRunner::Command {
    Command(boost::asio::io_context& context, Request asked) : request(std::move(asked)), timer(context) {}

    Request request;
    boost::asio::steady_timer timer;
    std::unique_ptr<CommandOutput> output;
    std::string leaf;
    enum class Phase : std::uint8_t { waiting, launching, running };
    Phase phase = Phase::waiting;
    bool kill_asked = false;  // while it was being launched
    pid_t pid = 0;
};

struct CommandRunner::Graves {
    explicit Graves(boost::asio::io_context& context) : timer(context) {}
    boost::asio::steady_timer timer;
    std::vector<std::string> leaves;
    int digs = 0;
};

CommandRunner::CommandRunner(boost::asio::io_context& context, Starter& starter, LaunchWorker& worker,
                             ProcessTree& tree, Reaper& reaper, std::size_t running_max,
                             std::function<void()> ended)
    : context_(context),
      starter_(starter),
      worker_(worker),
      tree_(tree),
      reaper_(reaper),
      running_max_(running_max),
      ended_(std::move(ended)),
      graves_(std::make_unique<Graves>(context)),
      alive_(std::make_shared<bool>(true)) {}

CommandRunner::~CommandRunner() {
    for (const auto& [number, command] : commands_) {
        if (command->pid != 0) tree_.kill(command->leaf);
    }
}

void CommandRunner::run(Request request) {
    const Number number = ++last_number_;
    auto& command = *(commands_[number] = std::make_unique<Command>(context_, std::move(request)));
    waiting_.push_back(number);
    command.timer.expires_after(command.request.timeout);
    command.timer.async_wait(
        [this, number, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) timed_out(number);
        });
    boost::asio::post(context_, [this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) start_next();
    });
}

void CommandRunner::start_next() {
    while (!waiting_.empty() && (running_ < running_max_ || waiting_.size() > waiting_max)) {
        const Number number = waiting_.front();
        waiting_.pop_front();
        const auto found = commands_.find(number);
        if (found == commands_.end()) continue;
        if (running_ < running_max_) {
            start(number, *found->second);
        } else {
            answer(*found->second, {CommandResult::End::refused, 0, "too many commands wait for their turn"});
            drop(number);
        }
    }
}

void CommandRunner::start(Number number, Command& command) {
    const Request& request = command.request;
    command.leaf = request.config->name + "/run." + std::to_string(number);
    command.output = std::make_unique<CommandOutput>(context_);
    auto job = starter_.prepare_command(tree_, command.leaf, *request.config, request.command,
                                        request.variables, command.output->take_writer());
    ++running_;
    command.phase = Command::Phase::launching;
    if (!job) return started(number, tl::unexpected(job.error()), UniqueFd());
    reaper_.expect();
    worker_.launch(std::move(*job), [this, number, alive = std::weak_ptr(alive_)](const Staged<pid_t>& pid,
                                                                                  const UniqueFd& output) {
        if (!alive.expired()) started(number, pid, output);
        if (!alive.expired()) reaper_.unexpect();
    });
}

void CommandRunner::started(Number number, const Staged<pid_t>& pid, const UniqueFd& output) {
    Command& command = *commands_.at(number);
    if (!pid) {
        answer(command, {CommandResult::End::refused, 0, text_of(pid.error())});
        bury(command.leaf);
        drop(number);
        --running_;
        return start_next();
    }
    command.pid = *pid;
    command.phase = Command::Phase::running;
    tree_.started(command.leaf, *pid, output.get());
    reaper_.watch(*pid, [this, number](const core::Exited& exited) { ended(number, exited); });
    if (command.kill_asked) tree_.kill(command.leaf);
}

void CommandRunner::ended(Number number, const core::Exited& exited) {
    const auto found = commands_.find(number);
    if (found == commands_.end()) return;
    Command& command = *found->second;
    --running_;
    tree_.ended(command.leaf, command.pid);
    if (!tree_.empty(command.leaf)) tree_.kill(command.leaf);
    bury(command.leaf);
    answer(command, result_of(exited, command.output->text()));
    drop(number);
    start_next();
    ended_();
}

// Answers at once, also where the kill takes its time (a process that hangs in the kernel).
void CommandRunner::timed_out(Number number) {
    const auto found = commands_.find(number);
    if (found == commands_.end()) return;
    Command& command = *found->second;
    if (command.phase == Command::Phase::waiting) {
        answer(command, {CommandResult::End::refused, 0, "no turn came for it in time"});
        return drop(number);
    }
    kill(command);
    answer(command, {CommandResult::End::timed_out, 0, command.output->text()});
}

// A child that is being launched is left to the launcher until it is over.
void CommandRunner::kill(Command& command) {
    command.kill_asked = true;
    if (command.phase == Command::Phase::running) tree_.kill(command.leaf);
}

void CommandRunner::cancel(ServiceId service) {
    std::vector<Number> waiting;
    for (const auto& [number, command] : commands_) {
        if (command->request.service != service) continue;
        if (command->phase == Command::Phase::waiting)
            waiting.push_back(number);
        else
            kill(*command);
    }
    for (const Number number : waiting) {
        answer(*commands_[number], {CommandResult::End::refused, 0, "the service has ended"});
        drop(number);
    }
}

// Through the loop, so that the asker is never called from within a call of his own.
void CommandRunner::answer(Command& command, CommandResult result) {
    command.timer.cancel();
    if (!command.request.callback) return;
    boost::asio::post(context_, [callback = std::exchange(command.request.callback, {}),
                                 answered = std::move(result), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) callback(answered);
    });
}

void CommandRunner::drop(Number number) {
    commands_.erase(number);
}

// A tree cannot be removed in the moment in which its last process dies.
void CommandRunner::bury(const std::string& leaf) {
    if (tree_.remove(leaf)) return;
    graves_->leaves.push_back(leaf);
    graves_->digs = 0;
    if (graves_->leaves.size() == 1) dig();
}

// What still cannot be removed after a few seconds goes with its service.
void CommandRunner::dig() {
    graves_->timer.expires_after(dig_pause);
    graves_->timer.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (error || alive.expired()) return;
        std::erase_if(graves_->leaves, [this](const std::string& leaf) {
            if (!tree_.empty(leaf)) tree_.kill(leaf);
            return tree_.remove(leaf);
        });
        if (++graves_->digs > digs_max) graves_->leaves.clear();
        if (!graves_->leaves.empty()) dig();
    });
}

}  // namespace dpsup::io
