#include "reexec.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "base/signal_mask.hpp"
#include "io/clock.hpp"
#include "io/http/server.hpp"
#include "io/reexec.hpp"
#include "io/threads.hpp"
#include "lifecycle.hpp"
#include "log.hpp"
#include "takeover_check.hpp"

namespace dpsup {
namespace {

using namespace std::chrono_literals;

constexpr Duration look_every = 1ms;
constexpr Duration save_patience = 3s;
constexpr Duration check_patience = 10s;
constexpr Duration leave_patience = 1s;  // then whoever does not read his reply has had his time
constexpr Duration idle_patience = 5s;   // for a configuration that is being read, and for the disk
constexpr Duration launch_patience = 1s;
constexpr Duration kill_patience =
    500ms;                                // what SIGKILL does not end hangs in the kernel, and will die there
constexpr Duration kernel_patience = 1s;  // a disk that is only busy answers in that time

std::string said(const io::CommandResult& result) {
    return result.detail.empty() ? "" : ": " + result.detail;
}

// Why it is no program to go on with; empty: it is.
std::string objection(const io::CommandResult& result, const std::string& path) {
    switch (result.end) {
        case io::CommandResult::End::exited:
            if (result.code == 0 && !version_that_can_take_over(result.detail).empty()) return {};
            if (result.code == 0) return path + " is no dpsupd that could take over" + said(result);
            return path + " cannot take over: it exited with " + std::to_string(result.code) + said(result);
        case io::CommandResult::End::signaled:
            return path + " cannot take over: it was killed by signal " + std::to_string(result.code) +
                   said(result);
        case io::CommandResult::End::timed_out:
            return path + " did not say in time whether it can take over" + said(result);
        case io::CommandResult::End::refused:
            return path + " cannot be executed: " + result.detail;
    }
    return path + " cannot take over";
}

}  // namespace

Reexec::Reexec(boost::asio::io_context& context, Engine& engine, Applier& applier, Memory& memory,
               io::DescriptorStore& descriptors, Program program, std::string config_file)
    : context_(context),
      engine_(engine),
      applier_(applier),
      memory_(memory),
      descriptors_(descriptors),
      program_(std::move(program)),
      config_file_(std::move(config_file)),
      timer_(context) {
    status_.run = std::to_string(::getpid()) + "-" + std::to_string(io::now().time_since_epoch().count());
}

void Reexec::connect(io::http::Server& server, Lifecycle& lifecycle) {
    server_ = &server;
    lifecycle_ = &lifecycle;
}

void Reexec::taken_over(Instant since) {
    status_.unsupervised = io::now() - since;
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*status_.unsupervised);
    log_info("re-executed: nobody supervised for " + std::to_string(milliseconds.count()) + " ms");
}

void Reexec::request(const std::string& by, Reply reply) {
    if (engine_.supervisor().shutting_down())
        return reply(fail("shutting_down", "dpsupd is shutting down, and does not re-execute any more"));
    if (phase_ != Phase::idle)
        return reply(fail("refused", "dpsupd re-executes already", "see dpsupctl version"));
    by_ = by;
    reply_ = std::move(reply);
    enter(Phase::saving);
    look();
}

void Reexec::enter(Phase phase) {
    phase_ = phase;
    since_ = io::now();
}

void Reexec::look_again() {
    timer_.expires_after(look_every);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) look();
    });
}

void Reexec::look() {
    const Duration waited = io::now() - since_;
    if (phase_ != Phase::saving && lifecycle_->stopping()) return give_up("dpsupd is stopping");
    switch (phase_) {
        case Phase::saving:
            if (memory_.all_saved() && engine_.recorder().complete()) return check();
            if (waited < save_patience) return look_again();
            return refuse("what the next dpsupd must know cannot be written to disk; see the log");
        case Phase::leaving:
            return look_leaving();
        case Phase::holding:
            return look_holding();
        case Phase::idle:
        case Phase::checking:
        case Phase::executing:
            return;
    }
}

void Reexec::refuse(const std::string& why) {
    enter(Phase::idle);
    log_error("does not re-execute: " + why);
    std::exchange(reply_, {})(
        fail("refused", "dpsupd does not re-execute: " + why, "it goes on as it is; nothing has changed"));
}

// Nobody waits for a reply any more.
void Reexec::give_up(const std::string& why) {
    if (phase_ == Phase::checking) return refuse(why);
    enter(Phase::idle);
    status_.reexec_error = why;
    log_error("does not re-execute: " + why + "; goes on as it is");
    unblock_signals();
    engine_.world().processes().resume();
    engine_.waits().reopen();
    server_->resume();
}

void Reexec::check() {
    enter(Phase::checking);
    status_.reexec_error.clear();
    engine_.world().processes().run_as_daemon({program_.path, "--check-takeover", "--config", config_file_},
                                              check_patience,
                                              [this](const io::CommandResult& result) { checked(result); });
}

void Reexec::checked(const io::CommandResult& result) {
    if (const std::string why = objection(result, program_.path); !why.empty()) return refuse(why);
    if (lifecycle_->stopping()) return refuse("dpsupd is stopping");
    const std::string version = version_that_can_take_over(result.detail);
    log_info("re-executes " + program_.path + ", version " + version + ", asked by " + by_);
    std::exchange(reply_, {})(control::ReexecReply{program_.path, DPSUP_VERSION, version, status_.run});
    enter(Phase::leaving);
    engine_.waits().close();
    server_->leave();
    look();
}

void Reexec::look_leaving() {
    const Duration waited = io::now() - since_;
    const bool left = server_->has_left() || waited >= leave_patience;
    if (left && !applier_.busy() && memory_.all_saved()) {
        engine_.world().processes().hold();
        enter(Phase::holding);
        return look();
    }
    if (waited < idle_patience) return look_again();
    give_up(applier_.busy() ? "the configuration is being read, which does not come to an end"
                            : "what is wanted of services cannot be saved");
}

void Reexec::look_holding() {
    io::ProcessHost& processes = engine_.world().processes();
    const Duration waited = io::now() - since_;
    if (processes.launching() && waited < launch_patience + kill_patience) {
        if (waited >= launch_patience) processes.kill_launching();
        return look_again();
    }
    if (const std::string where = io::unkillable_wait(); !where.empty()) {
        if (waited < launch_patience + kill_patience + kernel_patience) return look_again();
        return give_up("a thread waits in the kernel (" + where +
                       ") for a file system that does not answer, and so would the exec");
    }
    enter(Phase::executing);
    // Signals that came before are taken once more around the loop: two turns, since the first one only finds them.
    block_signals();
    processes.hold_exits();
    boost::asio::post(context_, [this] { boost::asio::post(context_, [this] { last_events(); }); });
}

void Reexec::last_events() {
    if (lifecycle_->stopping()) return give_up("dpsupd is stopping");
    engine_.settle();
    if (applier_.busy() || !memory_.all_saved()) {
        unblock_signals();
        engine_.world().processes().resume();
        enter(Phase::leaving);
        return look();
    }
    if (!engine_.recorder().complete()) return give_up("the record of what runs cannot be written");
    execute();
}

void Reexec::execute() {
    lifecycle_->ping();
    flush_log();
    const int error = io::execute(program_.path, program_.arguments, {program_.nofile, since_},
                                  [this] { descriptors_.open_for_exec(); });
    descriptors_.exec_failed();
    give_up("execute " + program_.path + ": " + std::strerror(error));
}

}  // namespace dpsup
