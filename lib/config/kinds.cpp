#include "config/kinds.hpp"

#include <algorithm>
#include <cctype>

#include "base/signals.hpp"
#include "config/shell_words.hpp"

namespace dpsup::config {
namespace {

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Strings with a NUL cannot be handed to the kernel; they would be cut without a word.
bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

}  // namespace

void Boolean::read(Reading& reading, const Node& node, bool& target) {
    if (const auto value = Reading::boolean(node))
        target = *value;
    else
        reading.expected(node, shape());
}

void Text::read(Reading& reading, const Node& node, std::string& target) {
    const std::string* text = node.string();
    if (text == nullptr) return reading.expected(node, "a string");
    if (text->empty()) return reading.error(node, "must not be empty");
    if (std::ranges::any_of(*text, is_control))
        return reading.error(node, "must not hold control characters");
    target = *text;
}

void Bytes::read(Reading& reading, const Node& node, std::string& target) {
    if (const std::string* text = node.string())
        target = *text;
    else
        reading.expected_privately(node, "a string");
}

void AbsolutePath::read(Reading& reading, const Node& node, std::string& target) {
    constexpr std::size_t path_size_max = 4095;
    std::string path;
    Text::read(reading, node, path);
    if (path.empty()) return;
    if (path.front() != '/')
        return reading.error(node, quoted(path) + " is not an absolute path", "paths begin with \"/\"");
    if (path.size() > path_size_max) return reading.error(node, "the path is longer than 4095 bytes");
    target = std::move(path);
}

void SocketPath::read(Reading& reading, const Node& node, std::string& target) {
    constexpr std::size_t socket_path_size_max = 107;
    std::string path;
    AbsolutePath::read(reading, node, path);
    if (path.size() > socket_path_size_max)
        return reading.error(
            node, "the path of a socket may have 107 bytes, this one has " + std::to_string(path.size()));
    if (!path.empty()) target = std::move(path);
}

void Account::read(Reading& reading, const Node& node, std::string& target) {
    constexpr std::int64_t id_max = 4294967294;  // (uid_t)-1 means "leave it as it is"
    if (std::holds_alternative<std::int64_t>(node.value)) {
        if (const auto id = read_integer(reading, node, 0, id_max)) target = std::to_string(*id);
        return;
    }
    if (node.string() == nullptr) return reading.expected(node, "a name or a number");
    if (node.string()->find(':') != std::string::npos)
        return reading.error(node, quoted(*node.string()) + " is no name",
                             "write user and group as two keys");
    Text::read(reading, node, target);
}

void Command::read(Reading& reading, const Node& node, std::vector<std::string>& target) {
    std::vector<std::string> words;
    if (const std::string* text = node.string()) {
        auto split = split_like_shell(*text);
        if (!split) return reading.error(node, split.error().message, split.error().hint);
        words = std::move(*split);
    } else if (const Array* array = node.array()) {
        for (const Node& element : *array) {
            if (element.string() == nullptr)
                return reading.expected(element, "a string",
                                        "a command is an array of strings: [\"sleep\", \"60\"]");
            words.push_back(*element.string());
        }
    } else {
        return reading.expected(node, "an array of strings, or a string");
    }
    if (words.empty() || words.front().empty()) return reading.error(node, "the command is empty");
    if (std::ranges::any_of(words, has_nul))
        return reading.error(node, "a command cannot hold a NUL character");
    target = std::move(words);
}

void read_span(Reading& reading, const Node& node, Duration min, Duration max, Duration& target) {
    constexpr std::string_view what = "a duration such as \"10s\"";
    if (const auto* number = std::get_if<std::int64_t>(&node.value); number != nullptr && *number != 0)
        return reading.expected(node, what, "write the unit too: \"" + std::to_string(*number) + "s\"");
    const bool zero = std::holds_alternative<std::int64_t>(node.value);
    if (!zero && node.string() == nullptr) return reading.expected(node, what);
    const auto duration = parse_duration(zero ? std::string_view("0") : std::string_view(*node.string()));
    if (!duration) return reading.error(node, duration.error().message, duration.error().hint);
    if (*duration < min || *duration > max)
        return reading.error(node, format_duration(*duration) + " is out of range",
                             "from " + format_duration(min) + " to " + format_duration(max));
    target = *duration;
}

std::optional<std::int64_t> read_integer(Reading& reading, const Node& node, std::int64_t min,
                                         std::int64_t max) {
    const auto number = Reading::integer(node);
    if (number && *number >= min && *number <= max) return number;
    const std::string what = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
    const bool quoted_number =
        !number && node.string() != nullptr && !node.has_variable && !node.string()->empty() &&
        std::ranges::all_of(*node.string(), [](unsigned char c) { return std::isdigit(c) != 0; });
    reading.expected(node, what, quoted_number ? "write it without quotes" : "");
    return std::nullopt;
}

void read_number(Reading& reading, const Node& node, double min, double max, double& target) {
    const auto number = Reading::number(node);
    if (number && *number >= min && *number <= max)
        target = *number;
    else
        reading.expected(node, "a number from " + toml_number(min) + " to " + toml_number(max));
}

void read_size(Reading& reading, const Node& node, std::uint64_t min, std::uint64_t& target) {
    std::uint64_t size = 0;
    if (const auto* number = std::get_if<std::int64_t>(&node.value)) {
        if (*number < 0) return reading.expected(node, "a size such as \"64MiB\"");
        size = static_cast<std::uint64_t>(*number);
    } else if (node.string() == nullptr) {
        return reading.expected(node, "a size such as \"64MiB\"");
    } else {
        const auto parsed = parse_size(*node.string());
        if (!parsed) return reading.error(node, parsed.error().message, parsed.error().hint);
        size = *parsed;
    }
    if (size < min)
        return reading.error(node, format_size(size) + " is too little", "at least " + format_size(min));
    target = size;
}

std::string show_size(std::uint64_t value) {
    constexpr std::array<std::string_view, 5> units{"", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (value >= 1024 && value % 1024 == 0 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? std::to_string(value)
                     : "\"" + std::to_string(value) + std::string(units.at(unit)) + "\"";
}

void Signal::read(Reading& reading, const Node& node, int& target) {
    std::optional<int> signal;
    if (const std::string* name = node.string()) signal = parse_signal(*name);
    if (const auto number = Reading::integer(node)) signal = parse_signal(std::to_string(*number));
    if (signal)
        target = *signal;
    else
        reading.expected(node, "a signal such as \"SIGINT\"");
}

std::string Signal::show(int value) {
    return toml_string(signal_name(value));
}

void Umask::read(Reading& reading, const Node& node, mode_t& target) {
    read(reading, node, target, "a umask");
}

void Umask::read(Reading& reading, const Node& node, mode_t& target, std::string_view what) {
    constexpr std::string_view hint = "write octal digits in quotes: \"0027\"";
    const std::string* text = node.string();
    const bool octal = text != nullptr && !text->empty() && text->size() <= 4 &&
                       std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '7'; });
    if (!octal) return reading.expected(node, what, std::string(hint));
    const auto mask = static_cast<mode_t>(std::stoul(*text, nullptr, 8));
    if (mask > 0777) return reading.error(node, quoted(*text) + " is more than \"0777\"");
    target = mask;
}

std::string Umask::show(mode_t value) {
    std::string digits = "\"0";
    for (const unsigned shift : {6U, 3U, 0U}) digits += static_cast<char>('0' + ((value >> shift) & 7U));
    return digits + "\"";
}

}  // namespace dpsup::config
