// The daemon's own life: signals, systemd's notifications and watchdog, and the end.
//
//   running --SIGTERM, SIGINT, where systemd has started us--> asking: why? (core/lifecycle/end.hpp)
//   asking --to be restarted, or nobody knows--> the end; the services go on
//   asking --to be stopped--> stopping
//   running --SIGTERM, SIGINT, without systemd--> stopping: everything stops in reverse order
//   running --`dpsupctl daemon stop`--> asking: systemd is to stop our unit --> stopping, or the end
//   stopping --all stopped--> the end
//   stopping --shutdown_timeout, or a second signal--> killing: SIGKILL to all that is left --> the end
#pragma once

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "applier.hpp"
#include "base/time.hpp"
#include "control/backend.hpp"
#include "engine.hpp"
#include "io/systemd/notifier.hpp"
#include "own_unit.hpp"

namespace dpsup {

class Lifecycle {
public:
    Lifecycle(boost::asio::io_context& context, Engine& engine, Applier& applier, bool by_systemd);

    // Everything is open: tells systemd, and begins to listen to signals.
    void ready();

    // As control::Backend has it.
    using StopReply = std::function<void(Result<control::DaemonStopReply>)>;
    void stop_daemon(const control::DaemonStop& request, const StopReply& reply);
    // An end was asked for.
    [[nodiscard]] bool stopping() const { return phase_ != Phase::running; }
    // Tells systemd's watchdog that we live.
    void ping() const;

    // Whether the end came by force: something would not stop in time.
    [[nodiscard]] bool was_forced() const { return forced_; }
    // Whether the services go on, and the next dpsupd finds them on record.
    [[nodiscard]] bool has_left_services() const { return left_; }

private:
    enum class Phase : std::uint8_t { running, asking, stopping, killing, ended };

    void await_signal();
    void take_signal(int signal);
    void reload();
    void ask_why(const std::string& signal);
    void carry_out(const core::EndVerdict& verdict, const std::string& signal);
    void begin_stop(const std::string& why);
    void keep_extending();
    void kill_rest();
    void leave(const std::string& why);
    void stop_as_asked(const control::DaemonStop& request, bool by_unit, const StopReply& reply);
    void could_not_stop_unit(const Error& error, const StopReply& reply);
    void end();
    void ping_watchdog();
    void report();
    [[nodiscard]] Duration longest_stop() const;
    [[nodiscard]] std::string summary() const;

    boost::asio::io_context& context_;
    Engine& engine_;
    Applier& applier_;
    const bool by_systemd_;
    OwnUnit unit_;
    io::SystemdNotifier systemd_;
    Phase phase_ = Phase::running;
    bool forced_ = false;
    bool left_ = false;
    // Of the question to systemd to stop us: its SIGTERM is no request of its own.
    bool signal_to_come_ = false;
    std::string signal_meanwhile_;  // which came while we were asking
    Instant leave_until_;           // a stop before is what was asked for with --leave-services
    boost::asio::signal_set signals_;
    boost::asio::steady_timer deadline_;
    boost::asio::steady_timer extension_;
    boost::asio::steady_timer watchdog_;
    boost::asio::steady_timer report_;
    std::shared_ptr<void> decisions_;
    bool report_scheduled_ = false;
};

}  // namespace dpsup
