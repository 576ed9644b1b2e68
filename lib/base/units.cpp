#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace dpsup {
namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr std::array duration_units{Unit{"ns", 1},   Unit{"us", 1e3},   Unit{"ms", 1e6},   Unit{"s", 1e9},
                                    Unit{"m", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9}};

constexpr double kib = 1024;
constexpr std::array size_units{Unit{"", 1},
                                Unit{"B", 1},
                                Unit{"KiB", kib},
                                Unit{"MiB", kib* kib},
                                Unit{"GiB", kib* kib* kib},
                                Unit{"TiB", kib* kib* kib* kib},
                                Unit{"kB", 1e3},
                                Unit{"MB", 1e6},
                                Unit{"GB", 1e9},
                                Unit{"TB", 1e12},
                                Unit{"k", kib},
                                Unit{"K", kib},
                                Unit{"m", kib* kib},
                                Unit{"M", kib* kib},
                                Unit{"g", kib* kib* kib},
                                Unit{"G", kib* kib* kib}};

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
    for (const Unit& unit : units)
        if (unit.name == name) return &unit;
    return nullptr;
}

// Splits a leading decimal number off `text`; false where there is none.
bool take_number(std::string_view& text, double& number) {
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{} || number < 0 || !std::isfinite(number)) return false;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    return true;
}

std::string_view take_word(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && std::isalpha(static_cast<unsigned char>(text[length]))) ++length;
    const auto word = text.substr(0, length);
    text.remove_prefix(length);
    return word;
}

tl::unexpected<Error> not_a_duration(std::string_view text) {
    return fail("invalid_duration", "\"" + std::string(text) + "\" is not a duration",
                "write a number with a unit, for example \"250ms\", \"30s\", \"1m30s\" or \"1h\"");
}

tl::unexpected<Error> not_a_size(std::string_view text) {
    return fail("invalid_size", "\"" + std::string(text) + "\" is not a size",
                "write a number with a unit, for example \"512MiB\", \"4GiB\" or \"64kB\"");
}

std::string printed(const char* format, double value, const char* unit) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, value, unit);
    return buffer.data();
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    if (text == "0") return Duration::zero();
    std::string_view rest = text;
    double total = 0;
    if (rest.empty()) return not_a_duration(text);
    while (!rest.empty()) {
        double number = 0;
        if (!take_number(rest, number)) return not_a_duration(text);
        const Unit* unit = find_unit(duration_units, take_word(rest));
        if (unit == nullptr) return not_a_duration(text);
        total += number * unit->factor;
    }
    if (total > 9.2e18) return not_a_duration(text);
    return Duration(std::llround(total));
}

Result<std::uint64_t> parse_size(std::string_view text) {
    std::string_view rest = text;
    double number = 0;
    if (!take_number(rest, number)) return not_a_size(text);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const Unit* unit = find_unit(size_units, rest);
    if (unit == nullptr || number * unit->factor > 9.2e18) return not_a_size(text);
    return static_cast<std::uint64_t>(std::llround(number * unit->factor));
}

std::string format_duration(Duration duration) {
    if (duration == Duration::zero()) return "0s";
    std::string text = duration < Duration::zero() ? "-" : "";
    auto left = duration < Duration::zero() ? -duration.count() : duration.count();
    for (auto unit = duration_units.rbegin(); unit != duration_units.rend(); ++unit) {
        const auto factor = static_cast<long long>(unit->factor);
        if (left < factor) continue;
        text += std::to_string(left / factor);
        text += unit->name;
        left %= factor;
    }
    return text;
}

std::string format_duration_rounded(Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    if (seconds < 0.0005) return "0s";
    if (seconds < 1) return printed("%.0f%s", seconds * 1e3, "ms");
    if (seconds < 10) return printed("%.1f%s", seconds, "s");
    if (seconds < 60) return printed("%.0f%s", seconds, "s");
    const auto whole = static_cast<long long>(seconds);
    const auto pair = [](long long big, const char* big_unit, long long small, const char* small_unit) {
        return std::to_string(big) + big_unit + (small > 0 ? " " + std::to_string(small) + small_unit : "");
    };
    if (whole < 3600) return pair(whole / 60, "m", whole % 60, "s");
    if (whole < 86400) return pair(whole / 3600, "h", whole % 3600 / 60, "m");
    return pair(whole / 86400, "d", whole % 86400 / 3600, "h");
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::array names{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t step = 0;
    while (value >= kib && step + 1 < names.size()) {
        value /= kib;
        ++step;
    }
    return printed(step == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, names.at(step));
}

std::string format_wall_time(WallTime time) {
    const auto since_epoch = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const auto millis = static_cast<int>((since_epoch - seconds).count());
    const std::time_t whole = seconds.count();
    std::tm parts{};
    gmtime_r(&whole, &parts);
    std::array<char, 96> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
    return buffer.data();
}

}  // namespace dpsup
