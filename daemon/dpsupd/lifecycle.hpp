// The daemon's own life: signals, systemd's notifications and watchdog, and the end.
//
//   running --SIGTERM, SIGINT--> stopping: everything stops in reverse order
//   stopping --all stopped--> the end
//   stopping --shutdown_timeout, or a second signal--> killing: SIGKILL to all that is left --> the end
#pragma once

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "applier.hpp"
#include "engine.hpp"
#include "io/systemd/notifier.hpp"

namespace dpsup {

class Lifecycle {
public:
    Lifecycle(boost::asio::io_context& context, Engine& engine, Applier& applier);

    // Everything is open: tells systemd, and begins to listen to signals.
    void ready();

    // An end was asked for.
    [[nodiscard]] bool stopping() const { return phase_ != Phase::running; }
    // Tells systemd's watchdog that we live.
    void ping() const;

    // Whether the end came by force: something would not stop in time.
    [[nodiscard]] bool was_forced() const { return forced_; }

private:
    enum class Phase : std::uint8_t { running, stopping, killing, ended };

    void await_signal();
    void take_signal(int signal);
    void reload();
    void begin_stop(const std::string& why);
    void kill_rest();
    void end();
    void ping_watchdog();
    void report();
    [[nodiscard]] std::string summary() const;

    boost::asio::io_context& context_;
    Engine& engine_;
    Applier& applier_;
    io::SystemdNotifier systemd_;
    Phase phase_ = Phase::running;
    bool forced_ = false;
    boost::asio::signal_set signals_;
    boost::asio::steady_timer deadline_;
    boost::asio::steady_timer watchdog_;
    boost::asio::steady_timer report_;
    std::shared_ptr<void> decisions_;
    bool report_scheduled_ = false;
};

}  // namespace dpsup
