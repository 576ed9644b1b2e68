// What dpsupd says to the systemd that started it, and what it gets from it. Without systemd every call does
// nothing, and the answers are "none".
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"

namespace dpsup::io {

class SystemdNotifier {
public:
    void ready(const std::string& status) const;
    void reloading(const std::string& status) const;
    void stopping(const std::string& status) const;
    void status(const std::string& text) const;
    void watchdog() const;
    // The stop or start goes on for at least this long.
    void extend_timeout(Duration by) const;

    // How often systemd wants to hear of the watchdog at the latest; nothing where it does not.
    [[nodiscard]] std::optional<Duration> watchdog_period() const;
};

// Whether stderr goes to the journal (JOURNAL_STREAM names it), so that the log can go there with its fields.
[[nodiscard]] bool stderr_is_journal();

// Whether a systemd unit started this process and waits for what it says (Type=notify), and systemd is PID 1.
[[nodiscard]] bool started_by_systemd();

}  // namespace dpsup::io
