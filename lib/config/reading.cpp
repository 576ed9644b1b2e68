#include "config/reading.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/text.hpp"

namespace dpsup::config {
namespace {

template <class Number>
std::optional<Number> parsed(const Node& node) {
    const std::string* text = node.string();
    if (text == nullptr || !node.has_variable) return std::nullopt;
    Number number{};
    const char* end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, number);
    return error == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string Reading::path() const {
    std::string text;
    for (const std::string_view key : path_) {
        if (!text.empty()) text += '.';
        text += escaped(key);
    }
    return text;
}

void Reading::error(Position position, const std::string& message, std::string hint) {
    findings_.error(position, path_.empty() ? message : path() + ": " + message, std::move(hint));
}

void Reading::warning(const Node& node, const std::string& message, std::string hint) {
    findings_.warning(node.position, path_.empty() ? message : path() + ": " + message, std::move(hint));
}

void Reading::expected(const Node& node, std::string_view what, std::string hint) {
    error(node, "expected " + std::string(what) + ", found " + describe(node), std::move(hint));
}

void Reading::expected_privately(const Node& node, std::string_view what, std::string hint) {
    error(node, "expected " + std::string(what) + ", found " + std::string(describe_type(node)),
          std::move(hint));
}

std::optional<std::int64_t> Reading::integer(const Node& node) {
    if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return *integer;
    return parsed<std::int64_t>(node);
}

std::optional<double> Reading::number(const Node& node) {
    std::optional<double> number = parsed<double>(node);
    if (const auto* real = std::get_if<double>(&node.value)) number = *real;
    if (const auto* integer = std::get_if<std::int64_t>(&node.value)) number = static_cast<double>(*integer);
    return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<bool> Reading::boolean(const Node& node) {
    if (const auto* boolean = std::get_if<bool>(&node.value)) return *boolean;
    const std::string* text = node.string();
    if (text == nullptr || !node.has_variable) return std::nullopt;
    if (*text == "true") return true;
    if (*text == "false") return false;
    return std::nullopt;
}

}  // namespace dpsup::config
