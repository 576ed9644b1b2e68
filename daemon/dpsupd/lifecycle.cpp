#include "lifecycle.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "base/signal_mask.hpp"
#include "base/signals.hpp"
#include "base/units.hpp"
#include "io/clock.hpp"
#include "io/reexec.hpp"
#include "io/systemd/manager_bus.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

// What SIGKILL did not end within this hangs in the kernel; waiting longer would not end it.
constexpr Duration kill_patience = std::chrono::seconds(5);

// While services stop, systemd hears so often that it goes on, and is asked each time for so much more: it ends a dpsupd
// that hangs, but none that works.
constexpr Duration extension_interval = std::chrono::seconds(5);
constexpr Duration extension = std::chrono::seconds(15);

// Where systemd did not say that it has taken our request, it may still carry it out.
constexpr Duration late_stop_max = std::chrono::seconds(30);

// systemd's STATUS= need not follow every transition of a start of hundreds.
constexpr Duration report_wait = std::chrono::milliseconds(500);

}  // namespace

Lifecycle::Lifecycle(boost::asio::io_context& context, Engine& engine, Applier& applier, bool by_systemd)
    : context_(context),
      engine_(engine),
      applier_(applier),
      by_systemd_(by_systemd),
      unit_(context),
      signals_(context, SIGTERM, SIGINT, SIGHUP),
      deadline_(context),
      extension_(context),
      watchdog_(context),
      report_(context) {
    engine_.on_all_stopped([this] {
        applier_.forget_applied();
        end();
    });
}

void Lifecycle::ready() {
    systemd_.ready(summary());
    decisions_ = engine_.decisions().subscribe([this](const control::Decision& /*decision*/) { report(); });
    await_signal();
    unblock_signals();  // a re-exec leaves them blocked
    ping_watchdog();
}

void Lifecycle::await_signal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
        if (cancelled) return;
        await_signal();
        take_signal(signal);
    });
}

void Lifecycle::take_signal(int signal) {
    if (signal == SIGHUP) {
        if (phase_ == Phase::running) return reload();
        log_info("SIGHUP changes nothing any more: dpsupd ends");
        return;
    }
    switch (phase_) {
        case Phase::running:
            ask_why(signal_name(signal));
            return;
        case Phase::asking:
            signal_meanwhile_ = signal_name(signal);
            return;
        case Phase::stopping:
            if (std::exchange(signal_to_come_, false)) return;
            // A person at the terminal who asks twice means it; systemd asks once.
            log_warning("asked to stop a second time: killing what is left");
            kill_rest();
            return;
        case Phase::killing:
        case Phase::ended:
            return;
    }
}

void Lifecycle::reload() {
    systemd_.reloading("reading the configuration");
    applier_.apply("SIGHUP", [this](const Result<control::PlanReply>& reply) {
        if (!reply)
            log_error(reply.error());
        else
            log_info("applied the configuration: " + std::to_string(reply->operations.size()) +
                     " operations");
        // Else systemd would take us for running again.
        if (phase_ == Phase::running) systemd_.ready(summary());
    });
}

void Lifecycle::ask_why(const std::string& signal) {
    if (!by_systemd_) return carry_out(core::judge_end(false, std::nullopt, false), signal);
    phase_ = Phase::asking;
    unit_.ask([this, signal](const Result<core::UnitAnswer>& answer) {
        if (!answer) log_warning(answer.error().message);
        carry_out(
            core::judge_end(true, answer ? std::optional(*answer) : std::nullopt, io::now() < leave_until_),
            signal);
    });
}

void Lifecycle::carry_out(const core::EndVerdict& verdict, const std::string& signal) {
    const std::string why = signal + ": " + verdict.reason;
    if (verdict.services == core::EndVerdict::Services::stop) return begin_stop(why);
    if (!verdict.clear)
        log_warning(
            "it is not clear that the services are to stop, so they go on; to stop them: systemctl stop "
            "dpsupd, or dpsupctl daemon stop");
    leave(why);
}

void Lifecycle::stop_daemon(const control::DaemonStop& request, const StopReply& reply) {
    if (phase_ != Phase::running)
        return reply(fail("shutting_down", "dpsupd is ending already", "see how far it is: dpsupctl status"));
    if (!by_systemd_) return stop_as_asked(request, false, reply);
    phase_ = Phase::asking;
    signal_meanwhile_.clear();
    if (request.leave_services) leave_until_ = io::now() + late_stop_max;
    unit_.stop([this, request, reply](const Result<bool>& stopped) {
        if (stopped)
            stop_as_asked(request, *stopped, reply);
        else
            could_not_stop_unit(stopped.error(), reply);
    });
}

void Lifecycle::stop_as_asked(const control::DaemonStop& request, bool by_unit, const StopReply& reply) {
    signal_to_come_ = by_unit && signal_meanwhile_.empty();
    const Duration within = request.leave_services ? kill_patience : longest_stop();
    reply(control::DaemonStopReply{::getpid(), request.leave_services, within});
    const std::string why = "dpsupctl daemon stop, by " + request.by;
    if (!request.leave_services) return begin_stop(why);
    phase_ = Phase::asking;
    // The reply is on its way first.
    boost::asio::post(context_, [this, why] { leave(why); });
}

void Lifecycle::could_not_stop_unit(const Error& error, const StopReply& reply) {
    phase_ = Phase::running;
    if (error.code != io::systemd_no_answer) leave_until_ = {};  // else it may yet do what it was asked
    reply(fail("refused", "systemd would start dpsupd again: " + error.message,
               "try, as root: systemctl stop dpsupd, which stops all services too"));
    if (!signal_meanwhile_.empty()) ask_why(signal_meanwhile_);
}

Duration Lifecycle::longest_stop() const {
    return applier_.catalogue().config().daemon.shutdown_timeout + kill_patience * 2;
}

void Lifecycle::begin_stop(const std::string& why) {
    phase_ = Phase::stopping;
    log_info("stopping everything (" + why + ")");
    systemd_.stopping("stopping services in reverse order");
    keep_extending();
    deadline_.expires_after(applier_.catalogue().config().daemon.shutdown_timeout);
    deadline_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled || phase_ != Phase::stopping) return;
        log_warning("not everything stopped within shutdown_timeout: killing what is left");
        kill_rest();
    });
    engine_.post(core::ShutdownRequested{});
}

// Bounded by shutdown_timeout, after which all is killed.
void Lifecycle::keep_extending() {
    systemd_.extend_timeout(extension);
    extension_.expires_after(extension_interval);
    extension_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && phase_ != Phase::ended) keep_extending();
    });
}

void Lifecycle::kill_rest() {
    phase_ = Phase::killing;
    forced_ = true;
    core::Command kill;
    kill.verb = core::Verb::kill;
    kill.by = "dpsupd, which ends";
    engine_.supervisor().for_each([&](const core::Service& service) {
        if (service.active()) kill.services.push_back(service.id);
    });
    engine_.post(kill);
    deadline_.expires_after(kill_patience);
    deadline_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled || phase_ == Phase::ended) return;
        log_error("some processes do not die by SIGKILL: leaving them behind");
        end();
    });
}

// As after a crash, but for what the loop has in hand: an exit that was heard is on record before the end.
void Lifecycle::leave(const std::string& why) {
    phase_ = Phase::ended;
    left_ = true;
    systemd_.stopping("ends; the services go on");
    engine_.settle();
    log_info("ends, and leaves the services running (" + why + "): the next dpsupd takes them over");
    decisions_.reset();
    context_.stop();
}

void Lifecycle::end() {
    if (phase_ == Phase::ended) return;
    phase_ = Phase::ended;
    log_info("all stopped");
    decisions_.reset();
    context_.stop();
}

void Lifecycle::ping() const {
    if (systemd_.watchdog_period()) systemd_.watchdog();
}

void Lifecycle::ping_watchdog() {
    const std::optional<Duration> period = systemd_.watchdog_period();
    if (!period) return;
    systemd_.watchdog();
    watchdog_.expires_after(*period / 2);
    watchdog_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) ping_watchdog();
    });
}

void Lifecycle::report() {
    if (std::exchange(report_scheduled_, true)) return;
    report_.expires_after(report_wait);
    report_.async_wait([this](const boost::system::error_code& cancelled) {
        report_scheduled_ = false;
        if (!cancelled) systemd_.status(summary());
    });
}

std::string Lifecycle::summary() const {
    std::map<core::State, std::size_t> counts;
    engine_.supervisor().for_each([&](const core::Service& service) { ++counts[service.state]; });
    std::string text = std::to_string(engine_.supervisor().size()) + " services";
    const char* separator = ": ";
    for (const auto& [state, count] : counts) {
        text += separator + std::to_string(count) + " " + std::string(to_string(state));
        separator = ", ";
    }
    return text;
}

}  // namespace dpsup
