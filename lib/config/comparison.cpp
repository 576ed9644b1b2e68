#include "config/comparison.hpp"

namespace dpsup::config {
namespace {

constexpr std::size_t shown_max = 72;

std::string shortened(std::string_view text) {
    if (text.empty()) return "none";
    if (text.size() <= shown_max) return std::string(text);
    std::size_t end = shown_max - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
        --end;  // not within a character
    return std::string(text.substr(0, end)) + "...";
}

}  // namespace

std::string_view to_string(ChangeClass change) {
    switch (change) {
        case ChangeClass::live:
            return "live";
        case ChangeClass::reload:
            return "reload";
        case ChangeClass::restart:
            return "restart";
    }
    return "?";
}

void Comparison::changed(std::string_view key, std::string_view before, std::string_view after,
                         ChangeClass change) {
    if (before == after) return;
    std::string from = shortened(before);
    std::string to = shortened(after);
    add(key, from == to ? "changed" : "changed: " + from + " -> " + to, change);
}

void Comparison::add(std::string_view key, std::string_view what, ChangeClass change) {
    causes_.push_back(prefix_ + std::string(key) + " " + std::string(what));
    cost_ = std::max(cost_, change);
}

}  // namespace dpsup::config
