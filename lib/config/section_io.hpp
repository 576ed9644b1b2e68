// What the rows of the table of keys are for: reading a table, and comparing two values of one section.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "config/suggest.hpp"

namespace dpsup::config {

// Reads each key of `table` by its row, and tells of keys that have none. False where `table` is no table.
template <class T>
bool read_section(Reading& reading, const Node& table, const Section<T>& section, T& target) {
    const Table* entries = table.table();
    if (entries == nullptr) {
        reading.expected(table, "a table");
        return false;
    }
    for (const Entry& entry : *entries) {
        const auto row = std::ranges::find(section.fields, std::string_view(entry.key),
                                           [](const Field<T>& field) { return field.key.name; });
        if (row == section.fields.end()) {
            std::vector<std::string_view> known;
            for (const Field<T>& field : section.fields) known.push_back(field.key.name);
            tell_unknown_key(reading, entry, section.path, known);
            continue;
        }
        const Reading::Inside inside(reading, entry.key);
        row->read(reading, entry.value, target);
    }
    return true;
}

// Tells `comparison` which keys' values differ.
template <class T>
void compare_section(const Section<T>& section, const T& before, const T& after, Comparison& comparison) {
    for (const Field<T>& field : section.fields) field.compare(field, before, after, comparison);
}

// The section's values that are set, as an inline table; empty where there are none.
template <class T>
std::string show_section(const Section<T>& section, const T& value) {
    std::string text;
    for (const Field<T>& field : section.fields) {
        const std::string shown = field.show(value);
        if (!shown.empty())
            text += (text.empty() ? "{ " : ", ") + std::string(field.key.name) + " = " + shown;
    }
    return text.empty() ? text : text + " }";
}

// The row of a key that is a table with a section of its own. `get` takes that table's value out of a T.
template <class T, auto section, auto get>
constexpr Field<T> table_row(Key key, std::string (*shape)(), void (*read)(Reading&, const Node&, T&)) {
    return {key, shape, read, [](const T& target) { return show_section(section(), get(target)); },
            [](const Field<T>& row, const T& before, const T& after, Comparison& comparison) {
                const Comparison::Inside inside(comparison, row.key.name);
                compare_section(section(), get(before), get(after), comparison);
            }};
}

inline std::string table_shape() {
    return "table";
}

}  // namespace dpsup::config
