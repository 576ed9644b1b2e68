// The kinds of value that keys take. A Kind has `shape` (what people are told to write), `read` and `show`;
// rows of the table of keys name one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"
#include "base/units.hpp"
#include "config/reading.hpp"
#include "config/suggest.hpp"
#include "config/toml_text.hpp"

namespace dpsup::config {

struct Boolean {
    static std::string shape() { return "true or false"; }
    static void read(Reading& reading, const Node& node, bool& target);
    static std::string show(bool value) { return value ? "true" : "false"; }
};

// A string without control characters, not empty.
struct Text {
    static std::string shape() { return "string"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value) { return value.empty() ? "" : toml_string(value); }
};

// A string with anything in it, a secret perhaps.
struct Bytes {
    static std::string shape() { return "string"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value) { return value.empty() ? "" : toml_string(value); }
};

struct AbsolutePath {
    static std::string shape() { return "absolute path"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value) { return Text::show(value); }
};

// A path of a socket: the kernel takes 107 bytes.
struct SocketPath {
    static std::string shape() { return AbsolutePath::shape(); }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value) { return Text::show(value); }
};

// A user or a group, by name or by number.
struct Account {
    static std::string shape() { return "name or number"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value) { return Text::show(value); }
};

// Each element as Element reads it; one alone may stand without brackets.
template <class Element>
struct ListOf {
    static std::string shape() { return Element::shape() + ", or an array of them"; }
    static void read(Reading& reading, const Node& node, std::vector<std::string>& target) {
        std::vector<std::string> values;
        const auto take = [&](const Node& element) {
            std::string value;
            Element::read(reading, element, value);
            if (!value.empty()) values.push_back(std::move(value));
        };
        if (const Array* array = node.array())
            for (const Node& element : *array) take(element);
        else
            take(node);
        target = std::move(values);
    }
    static std::string show(const std::vector<std::string>& value) {
        return value.empty() ? "" : toml_strings(value);
    }
};

// The words of a command: an array, or one string that is split as a shell would.
struct Command {
    static std::string shape() { return "array of strings, or a string that is split like a shell does"; }
    static void read(Reading& reading, const Node& node, std::vector<std::string>& target);
    static std::string show(const std::vector<std::string>& value) {
        return value.empty() ? "" : toml_strings(value);
    }
};

void read_span(Reading& reading, const Node& node, Duration min, Duration max, Duration& target);

// A duration from min to max milliseconds.
template <std::int64_t min_ms = 0, std::int64_t max_ms = 30LL * 24 * 3600 * 1000>
struct Span {
    static std::string shape() { return "duration"; }
    static void read(Reading& reading, const Node& node, Duration& target) {
        read_span(reading, node, std::chrono::milliseconds(min_ms), std::chrono::milliseconds(max_ms),
                  target);
    }
    static std::string show(const Duration& value) { return toml_string(format_duration(value)); }
};

// The number, or nothing after saying what was expected.
[[nodiscard]] std::optional<std::int64_t> read_integer(Reading& reading, const Node& node, std::int64_t min,
                                                       std::int64_t max);

template <class Value, std::int64_t min, std::int64_t max>
struct Integer {
    static std::string shape() { return "integer, " + std::to_string(min) + " to " + std::to_string(max); }
    static void read(Reading& reading, const Node& node, Value& target) {
        if (const auto number = read_integer(reading, node, min, max)) target = static_cast<Value>(*number);
    }
    static std::string show(Value value) { return std::to_string(value); }
};

void read_number(Reading& reading, const Node& node, double min, double max, double& target);

// A number from min/1000 to max.
template <std::int64_t min_thousandths, std::int64_t max>
struct Number {
    static constexpr double min = static_cast<double>(min_thousandths) / 1000;
    static std::string shape() { return "number, " + toml_number(min) + " to " + std::to_string(max); }
    static void read(Reading& reading, const Node& node, double& target) {
        read_number(reading, node, min, static_cast<double>(max), target);
    }
    static std::string show(double value) { return toml_number(value); }
};

void read_size(Reading& reading, const Node& node, std::uint64_t min, std::uint64_t& target);
[[nodiscard]] std::string show_size(std::uint64_t value);

// Bytes, with a unit or as an integer.
template <std::uint64_t min>
struct Size {
    static std::string shape() { return "size"; }
    static void read(Reading& reading, const Node& node, std::uint64_t& target) {
        read_size(reading, node, min, target);
    }
    static std::string show(std::uint64_t value) { return show_size(value); }
};

struct Signal {
    static std::string shape() { return "signal: name or number"; }
    static void read(Reading& reading, const Node& node, int& target);
    static std::string show(int value);
};

// A file mode creation mask, in octal digits within quotes.
struct Umask {
    static std::string shape() { return "octal digits in quotes"; }
    static void read(Reading& reading, const Node& node, mode_t& target);
    // As another thing that is written so.
    static void read(Reading& reading, const Node& node, mode_t& target, std::string_view what);
    static std::string show(mode_t value);
};

// What may be unset.
template <class Kind>
struct Maybe {
    static std::string shape() { return Kind::shape(); }
    template <class Value>
    static void read(Reading& reading, const Node& node, std::optional<Value>& target) {
        const std::size_t before = reading.mistakes();
        Value value{};
        Kind::read(reading, node, value);
        if (reading.mistakes() == before) target = std::move(value);
    }
    template <class Value>
    static std::string show(const std::optional<Value>& value) {
        return value ? Kind::show(*value) : "";
    }
};

template <class Value>
struct Word {
    std::string_view text;
    Value value;
};

// One of the words of a constexpr array of Word.
template <const auto& words>
struct OneOf {
    using Value = decltype(words.front().value);

    static std::string shape() {
        std::string text;
        for (const auto& word : words) text += (text.empty() ? "" : " or ") + toml_string(word.text);
        return text;
    }
    static void read(Reading& reading, const Node& node, Value& target) {
        const std::string* text = node.string();
        for (const auto& word : words)
            if (text != nullptr && *text == word.text) return static_cast<void>(target = word.value);
        std::vector<std::string_view> known;
        for (const auto& word : words) known.push_back(word.text);
        tell_unknown_word(reading, node, shape(), known);
    }
    static std::string show(Value value) {
        for (const auto& word : words)
            if (word.value == value) return toml_string(word.text);
        return "";
    }
};

}  // namespace dpsup::config
