#include "config/toml_text.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace dpsup::config {

std::string toml_string(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (c == '\n') {
            result += "\\n";
        } else if (c == '\t') {
            result += "\\t";
        } else if (c == '\r') {
            result += "\\r";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned char>(c));
            result += escape.data();
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string toml_number(double number) {
    std::array<char, 64> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return error == std::errc{} ? std::string(buffer.data(), end) : "?";
}

std::string toml_strings(std::span<const std::string> texts) {
    std::string result = "[";
    for (const std::string& text : texts) result += (result.size() > 1 ? ", " : "") + toml_string(text);
    return result + "]";
}

}  // namespace dpsup::config
