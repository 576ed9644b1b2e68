#include "base/signals.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>

namespace dpsup {
namespace {

constexpr int standard_signals_end = 32;

std::optional<int> parse_number(std::string_view text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Those between the standard ones and SIGRTMIN are the C library's own: it would cancel a thread, or worse.
std::optional<int> in_range(std::optional<int> signal) {
    const bool standard = signal && *signal >= 1 && *signal < standard_signals_end;
    const bool real_time = signal && *signal >= SIGRTMIN && *signal <= SIGRTMAX;
    return standard || real_time ? signal : std::nullopt;
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
    if (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())))
        return in_range(parse_number(text));
    std::string name(text);
    std::ranges::transform(name, name.begin(), [](char c) {
        return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    if (name.starts_with("SIG")) name.erase(0, 3);
    for (int signal = 1; signal < standard_signals_end; ++signal) {
        const char* known = sigabbrev_np(signal);
        if (known != nullptr && name == known) return signal;
    }
    if (name == "RTMIN") return SIGRTMIN;
    if (name.starts_with("RTMIN+")) {
        const auto offset = parse_number(std::string_view(name).substr(6));
        if (offset && *offset >= 0 && *offset <= SIGRTMAX - SIGRTMIN) return SIGRTMIN + *offset;
    }
    return std::nullopt;
}

std::string signal_name(int signal) {
    const char* known = signal > 0 && signal < standard_signals_end ? sigabbrev_np(signal) : nullptr;
    if (known != nullptr) return std::string("SIG") + known;
    if (signal == SIGRTMIN) return "SIGRTMIN";
    if (signal > SIGRTMIN && signal <= SIGRTMAX) return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
    return "signal " + std::to_string(signal);
}

}  // namespace dpsup
