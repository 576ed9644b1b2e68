// The files as a small tree with places, free of the TOML library, so that one file alone pays for including
// that. It lives only while a configuration is being loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dpsup::config {

// Where a node stands. Lines and columns count from 1; `file` is an index into Findings' files.
struct Position {
    static constexpr std::uint32_t no_file = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t file = no_file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;

    auto operator<=>(const Position&) const = default;
};

struct Node;
struct Entry;
using Array = std::vector<Node>;
using Table = std::vector<Entry>;  // in the order in which the keys were written
struct DateTime {};                // TOML has them; nothing here takes one

struct Node {
    std::variant<Table, Array, std::string, std::int64_t, double, bool, DateTime> value;
    Position position;
    bool told = false;          // what is wrong with it was told already: one of its variables has no value
    bool has_variable = false;  // a string that held a ${VAR}: it may stand for a number or a boolean

    [[nodiscard]] const Table* table() const { return std::get_if<Table>(&value); }
    [[nodiscard]] const Array* array() const { return std::get_if<Array>(&value); }
    [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&value); }

    // The value of `key` where this is a table that has it, else nullptr. Linear in the table's size.
    [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Entry {
    std::string key;
    Position position;  // of the key
    Node value;
};

// Lays `later` over `earlier`: tables merge key by key, anything else is replaced whole.
void merge(Node& earlier, Node&& later);

// What a node is, for messages: `the string "10s"`, `the integer 10`, `a table`.
[[nodiscard]] std::string describe(const Node& node);
// The same without its value, which may be a secret: "a string".
[[nodiscard]] std::string_view describe_type(const Node& node);

}  // namespace dpsup::config
