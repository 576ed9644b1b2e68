#include "io/systemd/notifier.hpp"

#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>

#include "io/clock.hpp"

namespace dpsup::io {
namespace {

long long microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// Best effort by nature: a systemd that does not listen changes nothing of what dpsupd does.
void say(const std::string& text) {
    (void)sd_notify(0, text.c_str());
}

}  // namespace

void SystemdNotifier::ready(const std::string& status) const {
    say("READY=1\nSTATUS=" + status);
}

void SystemdNotifier::reloading(const std::string& status) const {
    say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds(now().time_since_epoch())) +
        "\nSTATUS=" + status);
}

void SystemdNotifier::stopping(const std::string& status) const {
    say("STOPPING=1\nSTATUS=" + status);
}

void SystemdNotifier::status(const std::string& text) const {
    say("STATUS=" + text);
}

void SystemdNotifier::watchdog() const {
    say("WATCHDOG=1");
}

void SystemdNotifier::extend_timeout(Duration by) const {
    say("EXTEND_TIMEOUT_USEC=" + std::to_string(microseconds(by)));
}

std::optional<Duration> SystemdNotifier::watchdog_period() const {
    std::uint64_t period_usec = 0;
    if (sd_watchdog_enabled(0, &period_usec) <= 0) return std::nullopt;
    return std::chrono::microseconds(period_usec);
}

bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

bool started_by_systemd() {
    return sd_booted() > 0 && std::getenv("NOTIFY_SOCKET") != nullptr;
}

}  // namespace dpsup::io
