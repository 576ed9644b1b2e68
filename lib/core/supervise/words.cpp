#include "core/supervise/words.hpp"

#include <cstring>

#include "base/signals.hpp"

namespace dpsup::core {

std::string describe(const Exited& exit) {
    if (exit.out_of_memory && !exit.success()) return "was killed by the kernel: out of memory";
    switch (exit.kind) {
        case ExitKind::exited:
            return "exited with code " + std::to_string(exit.code);
        case ExitKind::signaled:
            return "was killed by " + signal_name(exit.code) + (exit.core_dumped ? " (core dumped)" : "");
        case ExitKind::unknown:
            return "ended, how is not known";
    }
    return "ended";
}

std::string describe(const LaunchFailed& failure) {
    std::string text = failure.stage + " failed";
    if (!failure.detail.empty()) text += ": " + failure.detail;
    if (failure.error_number == 0) return text;
    const char* text_of_error = strerrordesc_np(failure.error_number);
    const char* name = strerrorname_np(failure.error_number);
    text += ": ";
    text += text_of_error != nullptr ? text_of_error : "unknown error";
    text += " (" + (name != nullptr ? std::string(name) : std::to_string(failure.error_number)) + ")";
    return text;
}

std::string to_string(ProbeRole role) {
    switch (role) {
        case ProbeRole::startup:
            return "startup";
        case ProbeRole::readiness:
            return "readiness";
        case ProbeRole::liveness:
            return "liveness";
        case ProbeRole::health:
            return "health";
    }
    return "?";
}

std::string to_string(Condition condition) {
    switch (condition) {
        case Condition::started:
            return "started";
        case Condition::ready:
            return "ready";
        case Condition::done:
            return "done";
    }
    return "?";
}

}  // namespace dpsup::core
