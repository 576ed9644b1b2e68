#include "io/systemd/notifier.hpp"

#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>

#include "io/clock.hpp"
#include "io/systemd/manager_message.hpp"

namespace dpsup::io {
namespace {

long long microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

void SystemdNotifier::ready(const std::string& status) const {
    tell_manager("READY=1\nSTATUS=" + status, Patience::brief);
}

void SystemdNotifier::reloading(const std::string& status) const {
    tell_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds(now().time_since_epoch())) +
                     "\nSTATUS=" + status,
                 Patience::brief);
}

void SystemdNotifier::stopping(const std::string& status) const {
    tell_manager("STOPPING=1\nSTATUS=" + status, Patience::brief);
}

void SystemdNotifier::status(const std::string& text) const {
    tell_manager("STATUS=" + text, Patience::none);
}

void SystemdNotifier::watchdog() const {
    tell_manager("WATCHDOG=1", Patience::none);
}

void SystemdNotifier::extend_timeout(Duration by) const {
    tell_manager("EXTEND_TIMEOUT_USEC=" + std::to_string(microseconds(by)), Patience::none);
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
