#include "io/process/command_runner.hpp"

#include <algorithm>
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
    enum class Phase : std::uint8_t { waiting, launching, given_up, running };
    Phase phase = Phase::waiting;
    bool has_place = false;
    bool kill_asked = false;  // while it was being launched
    LaunchWorker::Ticket ticket = LaunchWorker::Ticket::none;
    pid_t pid = 0;
};

struct CommandRunner::Graves {
    explicit Graves(boost::asio::io_context& context) : timer(context) {}
    boost::asio::steady_timer timer;
    std::vector<std::string> leaves;
    int digs = 0;
};

CommandRunner::CommandRunner(boost::asio::io_context& context, Starter& starter, LaunchWorker& worker,
                             ProcessTree& tree, Reaper& reaper, std::size_t places,
                             std::function<void()> settled)
    : context_(context),
      starter_(starter),
      worker_(worker),
      tree_(tree),
      reaper_(reaper),
      places_(places),
      settled_(std::move(settled)),
      graves_(std::make_unique<Graves>(context)),
      alive_(std::make_shared<bool>(true)) {}

CommandRunner::~CommandRunner() {
    for (const auto& [number, command] : commands_) {
        if (command->pid != 0) tree_.kill(command->leaf);
    }
}

CommandRunner::Command* CommandRunner::find(Number number) {
    const auto found = commands_.find(number);
    return found == commands_.end() ? nullptr : found->second.get();
}

CommandNumber CommandRunner::run(Request request) {
    const Number number = ++last_number_;
    auto& command = *(commands_[number] = std::make_unique<Command>(context_, std::move(request)));
    waiting_.push_back(number);
    arm_timer(number, command);
    schedule_starts();
    return number;
}

void CommandRunner::arm_timer(Number number, Command& command) {
    command.timer.expires_after(command.request.timeout);
    command.timer.async_wait(
        [this, number, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) timed_out(number);
        });
}

void CommandRunner::schedule_starts() {
    if (std::exchange(starts_scheduled_, true)) return;
    tell([this] { start_some(); });
}

void CommandRunner::resume() {
    held_ = false;
    schedule_starts();
}

void CommandRunner::start_some() {
    starts_scheduled_ = false;
    if (held_) return;
    while (!waiting_.empty() && (taken_ < places_ || waiting_.size() > waiting_max)) {
        const Number number = waiting_.front();
        waiting_.pop_front();
        Command* command = find(number);
        if (command == nullptr) continue;
        if (taken_ < places_)
            start(number, *command);
        else
            refuse(number, *command, "too many commands wait for their turn");
    }
}

void CommandRunner::start(Number number, Command& command) {
    const Request& request = command.request;
    ++taken_;
    command.has_place = true;
    command.leaf = request.config->name + "/" + std::string(command_prefix) + std::to_string(number);
    command.output = std::make_unique<CommandOutput>(context_);
    auto job = starter_.prepare_command(tree_, command.leaf, request.config, request.identity,
                                        request.command, request.variables, command.output->take_writer());
    command.phase = Command::Phase::launching;
    if (!job) return launched(number, tl::unexpected(job.error()), LaunchJob{});
    const auto done = [this, number, alive = std::weak_ptr(alive_)](
                          LaunchWorker::Ticket, const Staged<pid_t>& pid, const LaunchJob& made) {
        if (!alive.expired()) launched(number, pid, made);
    };
    command.ticket = worker_.launch(std::move(*job), {.done = done, .held_up = {}});
}

void CommandRunner::launched(Number number, const Staged<pid_t>& pid, const LaunchJob& job) {
    Command& command = *commands_.at(number);
    if (!pid) {
        bury(command.leaf);
        refuse(number, command, text_of(pid.error()));
        return settled_();
    }
    command.pid = *pid;
    command.phase = Command::Phase::running;
    tree_.started(command.leaf, *pid, job.output.get());
    reaper_.watch(*pid, [this, number](const core::Exited& exited) { ended(number, exited); });
    if (command.kill_asked)
        tree_.kill(command.leaf);
    else if (command.request.progress.launched)
        tell(command.request.progress.launched);
}

void CommandRunner::ended(Number number, const core::Exited& exited) {
    Command* command = find(number);
    if (command == nullptr) return;
    tree_.ended(command->leaf, command->pid);
    if (!tree_.empty(command->leaf)) tree_.kill(command->leaf);
    bury(command->leaf);
    answer(*command, result_of(exited, command->output->text()));
    drop(number);
    settled_();
}

void CommandRunner::timed_out(Number number) {
    reaper_.reap_all();  // it may have ended in time, while the loop was held up
    Command* command = find(number);
    if (command == nullptr) return;
    kill(number, *command, "no turn came for it in time");
    command = find(number);
    if (command == nullptr) return;
    // At once, also where the kill takes its time (a process that hangs in the kernel).
    answer(*command, {CommandResult::End::timed_out, 0, command->output->text()});
    leave_place(*command);
}

void CommandRunner::kill(Number number) {
    if (Command* command = find(number)) kill(number, *command, "it was cancelled");
}

// A child that is about to be born is left to the launcher until it is over.
void CommandRunner::kill(Number number, Command& command, const std::string& why) {
    if (command.phase == Command::Phase::waiting) return refuse(number, command, why);
    if (command.phase == Command::Phase::launching && worker_.cancel(command.ticket)) {
        bury(command.leaf);
        return refuse(number, command, why);
    }
    if (command.phase == Command::Phase::launching && worker_.give_up(command.ticket)) {
        command.phase = Command::Phase::given_up;
        return bury(command.leaf);
    }
    command.kill_asked = true;
    if (command.phase == Command::Phase::running) tree_.kill(command.leaf);
}

void CommandRunner::cancel(ServiceId service) {
    std::vector<Number> numbers;
    for (const auto& [number, command] : commands_) {
        if (command->request.service == service) numbers.push_back(number);
    }
    for (const Number number : numbers) kill(number, *commands_.at(number), "the service has ended");
}

bool CommandRunner::launching_for(ServiceId service) const {
    return std::any_of(commands_.begin(), commands_.end(), [service](const auto& entry) {
        return entry.second->request.service == service && entry.second->phase == Command::Phase::launching;
    });
}

void CommandRunner::refuse(Number number, Command& command, std::string why) {
    answer(command, {CommandResult::End::refused, 0, std::move(why)});
    drop(number);
}

void CommandRunner::answer(Command& command, CommandResult result) {
    command.timer.cancel();
    if (!command.request.callback) return;
    tell([callback = std::exchange(command.request.callback, {}), answered = std::move(result)] {
        callback(answered);
    });
}

// Through the loop, so that the asker is never called from within a call of his own.
void CommandRunner::tell(std::function<void()> what) {
    boost::asio::post(context_, [told = std::move(what), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) told();
    });
}

void CommandRunner::leave_place(Command& command) {
    if (!std::exchange(command.has_place, false)) return;
    --taken_;
    schedule_starts();
}

void CommandRunner::drop(Number number) {
    Command& command = *commands_.at(number);
    leave_place(command);
    if (command.request.progress.gone) tell(std::move(command.request.progress.gone));
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
