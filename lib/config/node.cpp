#include "config/node.hpp"

#include <array>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "config/toml_text.hpp"

namespace dpsup::config {

const Node* Node::find(std::string_view key) const {
    const Table* entries = table();
    if (entries == nullptr) return nullptr;
    for (const Entry& entry : *entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

void merge(Node& earlier, Node&& later) {
    auto* into = std::get_if<Table>(&earlier.value);
    auto* from = std::get_if<Table>(&later.value);
    if (into == nullptr || from == nullptr) {
        earlier = std::move(later);
        return;
    }
    std::unordered_map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < into->size(); ++i) known.emplace((*into)[i].key, i);
    for (Entry& entry : *from) {
        const auto found = known.find(entry.key);
        if (found == known.end())
            into->push_back(std::move(entry));
        else
            merge((*into)[found->second].value, std::move(entry.value));
    }
}

std::string describe(const Node& node) {
    constexpr std::size_t shown_max = 60;
    if (const auto* text = node.string())
        return text->size() > shown_max ? "a string of " + std::to_string(text->size()) + " bytes"
                                        : "the string " + quoted(*text);
    if (const auto* number = std::get_if<std::int64_t>(&node.value))
        return "the integer " + std::to_string(*number);
    if (const auto* number = std::get_if<double>(&node.value)) return "the number " + toml_number(*number);
    if (const auto* boolean = std::get_if<bool>(&node.value)) return *boolean ? "true" : "false";
    return std::string(describe_type(node));
}

std::string_view describe_type(const Node& node) {
    constexpr std::array<std::string_view, 7> names{"a table",  "an array",  "a string",      "an integer",
                                                    "a number", "a boolean", "a date or time"};
    return names.at(node.value.index());
}

}  // namespace dpsup::config
