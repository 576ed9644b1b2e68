#include "lifecycle.hpp"

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <utility>

#include "base/signals.hpp"
#include "base/units.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

// What SIGKILL did not end within this hangs in the kernel; waiting longer would not end it.
constexpr Duration kill_patience = std::chrono::seconds(5);

// systemd's STATUS= need not follow every transition of a start of hundreds.
constexpr Duration report_wait = std::chrono::milliseconds(500);

}  // namespace

Lifecycle::Lifecycle(boost::asio::io_context& context, Engine& engine, Applier& applier)
    : context_(context),
      engine_(engine),
      applier_(applier),
      signals_(context, SIGTERM, SIGINT, SIGHUP),
      deadline_(context),
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
        log_info("SIGHUP changes nothing any more: stopping");
        return;
    }
    switch (phase_) {
        case Phase::running:
            begin_stop(signal_name(signal));
            return;
        case Phase::stopping:
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

void Lifecycle::begin_stop(const std::string& why) {
    phase_ = Phase::stopping;
    log_info("stopping everything (" + why + ")");
    systemd_.stopping("stopping services in reverse order");
    const Duration patience = applier_.catalogue().config().daemon.shutdown_timeout;
    systemd_.extend_timeout(patience + kill_patience * 2);
    deadline_.expires_after(patience);
    deadline_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled || phase_ != Phase::stopping) return;
        log_warning("not everything stopped within shutdown_timeout: killing what is left");
        kill_rest();
    });
    engine_.post(core::ShutdownRequested{});
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

void Lifecycle::end() {
    phase_ = Phase::ended;
    log_info("all stopped");
    decisions_.reset();
    context_.stop();
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
