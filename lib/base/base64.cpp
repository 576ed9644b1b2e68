#include "base/base64.hpp"

#include <cstdint>

namespace dpsup {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t at) {
            return at < bytes.size() ? std::uint32_t{static_cast<unsigned char>(bytes[at])} : 0U;
        };
        const std::uint32_t three = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
        text += letters[three >> 18U & 63U];
        text += letters[three >> 12U & 63U];
        text += i + 1 < bytes.size() ? letters[three >> 6U & 63U] : '=';
        text += i + 2 < bytes.size() ? letters[three & 63U] : '=';
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t three = 0;
        for (std::size_t k = i; k < i + 4; ++k) {
            const bool pad = k + padding >= text.size();
            const auto value = pad ? 0 : letters.find(text[k]);
            if (value == std::string_view::npos) return std::nullopt;
            three = three << 6U | static_cast<std::uint32_t>(value);
        }
        bytes += static_cast<char>(three >> 16U & 255U);
        bytes += static_cast<char>(three >> 8U & 255U);
        bytes += static_cast<char>(three & 255U);
    }
    bytes.resize(bytes.size() - padding);
    return bytes;
}

}  // namespace dpsup
