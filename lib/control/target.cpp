#include "control/target.hpp"

#include <charconv>

namespace dpsup::control {
namespace {

Result<std::string> decoded(std::string_view text, bool plus_is_space) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            plain += ' ';
        } else if (text[i] != '%') {
            plain += text[i];
        } else {
            unsigned char byte = 0;
            const auto digits = text.substr(i + 1, 2);
            const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16).ptr;
            if (digits.size() != 2 || end != digits.data() + 2 || byte == 0)
                return fail("invalid_request", "the target holds a broken %-escape: " + std::string(text));
            plain += static_cast<char>(byte);
            i += 2;
        }
    }
    return plain;
}

// Takes what stands before `separator` off the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
    const auto end = text.find(separator);
    const auto part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return part;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
    if (text.empty() || text.front() != '/')
        return fail("invalid_request", "the target must begin with a slash", "for example GET /v1/status");
    Target target;
    std::string_view query = text;
    std::string_view path = take_until(query, '?');
    path.remove_prefix(1);
    if (!path.empty() && path.back() == '/') path.remove_suffix(1);
    while (!path.empty()) {
        auto segment = decoded(take_until(path, '/'), false);
        if (!segment) return tl::unexpected<Error>(std::move(segment.error()));
        target.path.push_back(std::move(*segment));
    }
    while (!query.empty()) {
        auto value = take_until(query, '&');
        const auto name = take_until(value, '=');
        auto plain_name = decoded(name, true);
        if (!plain_name) return tl::unexpected<Error>(std::move(plain_name.error()));
        auto plain_value = decoded(value, true);
        if (!plain_value) return tl::unexpected<Error>(std::move(plain_value.error()));
        target.query.emplace_back(std::move(*plain_name), std::move(*plain_value));
    }
    return target;
}

}  // namespace dpsup::control
