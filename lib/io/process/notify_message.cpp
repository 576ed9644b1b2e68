#include "io/process/notify_message.hpp"

#include <charconv>
#include <cstdint>

#include "base/utf8.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t status_max = 256;
constexpr std::string_view replacement = "\xef\xbf\xbd";

template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Duration> duration_of(std::string_view microseconds) {
    constexpr std::uint64_t us_max = 366ULL * 24 * 3600 * 1000 * 1000;  // a year: more is a mistake
    const auto number = number_of<std::uint64_t>(microseconds);
    if (!number) return std::nullopt;
    return Duration(std::chrono::microseconds(std::min(*number, us_max)));
}

bool is_control(std::string_view character) {
    const auto code = static_cast<unsigned char>(character.front());
    return code < 0x20 || code == 0x7f;
}

void take_line(std::string_view line, NotifyMessage& message) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return;
    const auto name = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    auto& fact = message.fact;
    if (name == "READY") {
        fact.ready = fact.ready || value == "1";
    } else if (name == "RELOADING") {
        fact.reloading = fact.reloading || value == "1";
    } else if (name == "STOPPING") {
        fact.stopping = fact.stopping || value == "1";
    } else if (name == "WATCHDOG") {
        fact.watchdog = fact.watchdog || value == "1";
    } else if (name == "EXTEND_TIMEOUT_USEC") {
        if (const auto duration = duration_of(value)) fact.extend_timeout = duration;
    } else if (name == "MAINPID") {
        if (const auto pid = number_of<pid_t>(value); pid && *pid > 1) fact.main_pid = pid;
    } else if (name == "STATUS") {
        message.status = clean_text(value, status_max);
    }
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t bytes_max) {
    std::string clean;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        std::string_view next = length == 0 ? replacement : text.substr(0, length);
        if (is_control(next)) next = " ";
        if (clean.size() + next.size() > bytes_max) break;
        clean += next;
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return clean;
}

NotifyMessage parse_notify(std::string_view text) {
    NotifyMessage message;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        take_line(line, message);
    }
    return message;
}

}  // namespace dpsup::io
