#include "dpsupctl/text.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace dpsup::ctl {
namespace {

bool starts_code_point(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
}

struct StateColour {
    std::string_view state;
    std::string_view colour;
};

constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view dim = "\x1b[2m";

constexpr std::array colours{
    StateColour{"ready", green},     StateColour{"done", green},    StateColour{"waiting", yellow},
    StateColour{"starting", yellow}, StateColour{"backoff", red},   StateColour{"stopping", yellow},
    StateColour{"unknown", yellow},  StateColour{"unhealthy", red}, StateColour{"failed", red},
    StateColour{"stopped", dim},
};

}  // namespace

std::string harmless(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (c1) {
            ++i;  // U+0080 to U+009F: some terminals obey them
            plain += '?';
        } else if (byte == '\n' || byte == '\t') {
            plain += ' ';
        } else if (byte < 0x20 || byte == 0x7f) {
            plain += '?';
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    for (const char c : text)
        if (starts_code_point(c)) ++width;
    return width;
}

std::string shortened(std::string_view text, std::size_t width) {
    constexpr std::string_view dots = "...";
    if (width_of(text) <= width) return std::string(text);
    const std::size_t keep = width > dots.size() ? width - dots.size() : 0;
    std::size_t columns = 0;
    std::size_t end = 0;
    for (; end < text.size(); ++end) {
        if (starts_code_point(text[end]) && columns++ == keep) break;
    }
    return std::string(text.substr(0, end)) + std::string(dots.substr(0, width - keep));
}

void pad_to(std::string& line, std::size_t width, std::size_t has) {
    if (has < width) line.append(width - has, ' ');
}

std::string_view colour_of(std::string_view state) {
    for (const StateColour& known : colours)
        if (known.state == state) return known.colour;
    return {};
}

std::string local_time(WallTime time) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 32> buffer{};
    const std::size_t size = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S", &parts);
    return {buffer.data(), size};
}

WallTime wall_now() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace dpsup::ctl
