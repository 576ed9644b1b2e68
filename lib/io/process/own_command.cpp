#include "io/process/own_command.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

#include "io/process/identity.hpp"

namespace dpsup::io {
namespace {

// Where the daemon was started, so that a relative path means the same.
config::Process as_daemon() {
    config::Process process;
    std::error_code error;
    process.working_dir = std::filesystem::current_path(error).string();
    return process;
}

std::vector<std::string> own_environment() {
    std::vector<std::string> variables;
    for (char** one = environ; one != nullptr && *one != nullptr; ++one) variables.emplace_back(*one);
    return variables;
}

std::string text_of(const core::LaunchFailed& failure) {
    std::string text = failure.stage + ": " + failure.detail;
    if (failure.error_number != 0) text += std::string(" (") + std::strerror(failure.error_number) + ")";
    return text;
}

}  // namespace

OwnCommand::OwnCommand(boost::asio::io_context& context, LaunchWorker& worker, Reaper& reaper,
                       ProcessHost::CommandCallback callback)
    : context_(context),
      worker_(worker),
      reaper_(reaper),
      callback_(std::move(callback)),
      timer_(context),
      output_(context) {}

void OwnCommand::run(std::vector<std::string> command, const LaunchDefaults& defaults, Duration timeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        if (self->pid_ > 0) ::kill(-self->pid_, SIGKILL);
        self->answer({CommandResult::End::timed_out, 0, self->output_.text()});
    });
    const config::Process process = as_daemon();
    std::string program = command.front();
    auto plan = std::make_unique<LaunchPlan>(process, std::make_shared<const Identity>(), std::move(command),
                                             std::move(program), own_environment());
    UniqueFd writer = output_.take_writer();
    if (const auto completed = plan->complete(process, defaults, writer.get()); !completed)
        return launched(tl::unexpected(completed.error()));
    const auto done = [self = shared_from_this()](LaunchWorker::Ticket, const Staged<pid_t>& pid,
                                                  const LaunchJob&) { self->launched(pid); };
    worker_.launch({std::move(plan), std::move(writer)}, {.done = done, .held_up = {}});
}

void OwnCommand::launched(const Staged<pid_t>& pid) {
    if (!pid) return answer({CommandResult::End::refused, 0, text_of(pid.error())});
    pid_ = *pid;
    if (!callback_) ::kill(-pid_, SIGKILL);  // too late
    reaper_.watch(pid_, [self = shared_from_this()](const core::Exited& exited) {
        self->pid_ = 0;
        const auto end =
            exited.kind == core::ExitKind::exited ? CommandResult::End::exited : CommandResult::End::signaled;
        self->answer({end, exited.code, self->output_.text()});
    });
}

void OwnCommand::answer(CommandResult result) {
    timer_.cancel();
    if (!callback_) return;
    boost::asio::post(context_, [callback = std::exchange(callback_, {}), answered = std::move(result)] {
        callback(answered);
    });
}

}  // namespace dpsup::io
