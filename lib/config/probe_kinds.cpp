#include "config/probe_kinds.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/pattern/pattern.hpp"
#include "config/kinds.hpp"

namespace dpsup::config {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

// Characters of a header's name and of a method: RFC 9110's tokens.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
    });
}

// What is wrong with "user@host:port" of a URL; empty: nothing.
std::string_view wrong_with_authority(std::string_view authority) {
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
    const bool brackets = authority.starts_with('[');
    const auto end = brackets ? authority.find(']') : authority.find(':');
    if (brackets && end == std::string_view::npos) return "the URL's \"[\" has no \"]\"";
    const std::string_view host = brackets ? authority.substr(1, end - 1) : authority.substr(0, end);
    std::string_view rest = end == std::string_view::npos ? "" : authority.substr(end + (brackets ? 1 : 0));
    if (host.empty()) return "the URL has no host";
    in6_addr ignored{};
    const std::string address(host.substr(0, host.find('%')));  // without its zone
    if (brackets && inet_pton(AF_INET6, address.c_str(), &ignored) != 1)
        return "the URL's brackets hold no IPv6 address";
    if (!brackets && rest.find(':', 1) != std::string_view::npos)
        return "the URL's IPv6 address needs brackets: http://[::1]:8080/";
    if (host.find_first_of("[]<>{}|\\^`\"") != std::string_view::npos)
        return "the URL's host holds a character that no host has";
    if (rest.empty() || rest == ":") return {};
    if (rest.front() != ':' || !parse_port(rest.substr(1)))
        return "the URL's port is no number from 1 to 65535";
    return {};
}

bool has_line_break(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

}  // namespace

void HttpUrl::read(Reading& reading, const Node& node, std::string& target) {
    const std::string* url = node.string();
    if (url == nullptr) return reading.expected(node, "a URL such as \"http://127.0.0.1:8080/health\"");
    std::string_view rest = *url;
    if (rest.starts_with("http://"))
        rest.remove_prefix(7);
    else if (rest.starts_with("https://"))
        rest.remove_prefix(8);
    else
        return reading.error(node, "is no URL: it begins with neither http:// nor https://",
                             "write \"http://127.0.0.1:8080/health\"");
    const bool visible = std::ranges::all_of(rest, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
    if (!visible)
        return reading.error(node, "the URL holds a space or a control character", "write it as %20");
    const std::string_view wrong = wrong_with_authority(rest.substr(0, rest.find_first_of("/?#")));
    if (!wrong.empty())
        return reading.error(node, std::string(wrong), "write \"http://127.0.0.1:8080/health\"");
    target = *url;
}

std::string HttpUrl::show(const std::string& value) {
    return value.empty() ? "" : toml_string(value);
}

std::string HttpUrl::show_publicly(const std::string& value) {
    std::string url = value.substr(0, value.find_first_of("?#"));
    const std::size_t host = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
    const std::size_t path = std::min(url.find('/', host), url.size());
    const std::size_t at = url.rfind('@', path);
    if (at != std::string::npos && at >= host) url.erase(host, at + 1 - host);
    return url.empty() ? "" : toml_string(url);
}

void HostAndPort::read(Reading& reading, const Node& node, TcpProbe& target) {
    constexpr std::string_view what = "\"host:port\"";
    if (const auto* port = std::get_if<std::int64_t>(&node.value))
        return reading.expected(node, what, "write \"127.0.0.1:" + std::to_string(*port) + "\"");
    std::string text;
    if (node.string() == nullptr) return reading.expected(node, what);
    Text::read(reading, node, text);
    if (text.empty()) return;
    const std::size_t colon = text.rfind(':');
    const auto port =
        colon == std::string::npos ? std::nullopt : parse_port(std::string_view(text).substr(colon + 1));
    std::string host = text.substr(0, std::min(colon, text.size()));
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    if (!port || host.empty())
        return reading.expected(node, what, "write \"127.0.0.1:5432\" or \"[::1]:5432\"");
    if (!brackets && host.find(':') != std::string::npos)
        return reading.expected(node, what, "write an IPv6 address in brackets: \"[::1]:5432\"");
    target.host = std::move(host);
    target.port = *port;
}

std::string HostAndPort::show(const TcpProbe& value) {
    if (value.host.empty()) return "";
    const bool brackets = value.host.find(':') != std::string::npos;
    return toml_string((brackets ? "[" + value.host + "]" : value.host) + ":" + std::to_string(value.port));
}

void Method::read(Reading& reading, const Node& node, std::string& target) {
    const std::string* text = node.string();
    if (text == nullptr || !is_token(*text) || text->size() > 32)
        return reading.expected(node, "a method such as \"GET\"");
    target = *text;
}

std::string Method::show(const std::string& value) {
    return toml_string(value);
}

void Headers::read(Reading& reading, const Node& node, Value& target) {
    const Table* table = node.table();
    if (table == nullptr)
        return reading.expected_privately(node, "a table", "write { Host = \"example.org\" }");
    for (const Entry& entry : *table) {
        const Reading::Inside inside(reading, entry.key);
        const std::string* text = entry.value.string();
        if (!is_token(entry.key))
            reading.error(entry.position, quoted(entry.key) + " cannot be the name of a header");
        else if (text == nullptr)
            reading.expected_privately(entry.value, "a string");
        else if (has_line_break(*text))
            reading.error(entry.value, "a header cannot hold a line break");
        else
            target.emplace_back(entry.key, *text);
    }
}

std::string Headers::show(const Value& value) {
    std::string text;
    for (const auto& [name, content] : value) text.append(name).append(": ").append(content).append("\n");
    return text;
}

namespace {

std::optional<std::pair<std::uint16_t, std::uint16_t>> read_range(Reading& reading, const Node& node) {
    constexpr std::uint16_t code_min = 100;
    constexpr std::uint16_t code_max = 599;
    constexpr std::string_view what = "a status code such as 200, or a range such as \"200-399\"";
    std::optional<std::uint16_t> first;
    std::optional<std::uint16_t> last;
    if (const std::string* text = node.string()) {
        const std::size_t dash = text->find('-');
        first = parse_port(std::string_view(*text).substr(0, dash));
        last = dash == std::string::npos ? first : parse_port(std::string_view(*text).substr(dash + 1));
    } else if (const auto code = Reading::integer(node); code && *code >= code_min && *code <= code_max) {
        first = last = static_cast<std::uint16_t>(*code);
    }
    if (first && last && *first >= code_min && *last <= code_max && *first <= *last)
        return std::pair(*first, *last);
    reading.expected(node, what);
    return std::nullopt;
}

std::optional<std::string> json_value(Reading& reading, const Node& node) {
    if (const std::string* text = node.string()) return *text;
    if (const auto integer = Reading::integer(node)) return std::to_string(*integer);
    if (const auto boolean = Reading::boolean(node)) return std::string(*boolean ? "true" : "false");
    if (const auto number = Reading::number(node)) return toml_number(*number);
    reading.expected(node, "a string, a number or a boolean");
    return std::nullopt;
}

}  // namespace

void StatusRanges::read(Reading& reading, const Node& node, Value& target) {
    Value ranges;
    const auto take = [&](const Node& element) {
        if (const auto range = read_range(reading, element)) ranges.push_back(*range);
    };
    if (const Array* array = node.array())
        for (const Node& element : *array) take(element);
    else
        take(node);
    if (node.array() != nullptr && node.array()->empty()) reading.error(node, "no status code would pass");
    if (!ranges.empty()) target = std::move(ranges);
}

std::string StatusRanges::show(const Value& value) {
    std::string text;
    for (const auto& [first, last] : value) {
        text += text.empty() ? "[" : ", ";
        text += first == last ? std::to_string(first)
                              : "\"" + std::to_string(first) + "-" + std::to_string(last) + "\"";
    }
    return text.empty() ? text : text + "]";
}

void JsonChecks::read(Reading& reading, const Node& node, Value& target) {
    const Table* table = node.table();
    if (table == nullptr) return reading.expected(node, "a table", "write { \"/status\" = \"green\" }");
    for (const Entry& entry : *table) {
        const Reading::Inside inside(reading, entry.key);
        if (!entry.key.empty() && entry.key.front() != '/') {
            reading.error(entry.position, quoted(entry.key) + " is no JSON pointer",
                          "write " + quoted("/" + entry.key));
            continue;
        }
        std::vector<std::string> values;
        const auto take = [&](const Node& element) {
            if (auto value = json_value(reading, element)) values.push_back(std::move(*value));
        };
        if (const Array* array = entry.value.array())
            for (const Node& element : *array) take(element);
        else
            take(entry.value);
        if (entry.value.array() != nullptr && entry.value.array()->empty())
            reading.error(entry.value, "no value would pass");
        target[entry.key] = std::move(values);
    }
}

std::string JsonChecks::show(const Value& value) {
    std::string text;
    for (const auto& [pointer, values] : value)
        text += (text.empty() ? "{ " : ", ") + toml_string(pointer) + " = " + toml_strings(values);
    return text.empty() ? text : text + " }";
}

void LinePattern::read(Reading& reading, const Node& node, std::string& target) {
    std::string pattern;
    Text::read(reading, node, pattern);
    if (pattern.empty()) return;
    if (const auto compiled = dpsup::Pattern::compile(pattern); !compiled)
        return reading.error(node, compiled.error().message, compiled.error().hint);
    target = std::move(pattern);
}

std::string LinePattern::show(const std::string& value) {
    return Text::show(value);
}

}  // namespace dpsup::config
