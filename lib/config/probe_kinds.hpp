// The kinds of value that only probes have.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "config/reading.hpp"

namespace dpsup::config {

// http:// or https://
struct HttpUrl {
    static std::string shape() { return "URL"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value);
    // Without user, password and query, which may be secrets.
    static std::string show_publicly(const std::string& value);
};

// "db1:5432", "[::1]:5432"
struct HostAndPort {
    static std::string shape() { return "\"host:port\""; }
    static void read(Reading& reading, const Node& node, TcpProbe& target);
    static std::string show(const TcpProbe& value);
};

struct Method {
    static std::string shape() { return "string"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value);
};

struct Headers {
    using Value = std::vector<std::pair<std::string, std::string>>;
    static std::string shape() { return "table of strings"; }
    static void read(Reading& reading, const Node& node, Value& target);
    static std::string show(const Value& value);
};

// 200, "200-399", [200, "300-399"]
struct StatusRanges {
    using Value = std::vector<std::pair<std::uint16_t, std::uint16_t>>;
    static std::string shape() { return "status code, \"first-last\", or an array of them"; }
    static void read(Reading& reading, const Node& node, Value& target);
    static std::string show(const Value& value);
};

// { "/status" = ["green", "yellow"] }
struct JsonChecks {
    using Value = std::map<std::string, std::vector<std::string>>;
    static std::string shape() { return "table: JSON pointer = value, or array of values"; }
    static void read(Reading& reading, const Node& node, Value& target);
    static std::string show(const Value& value);
};

// A regular expression that compiles.
struct LinePattern {
    static std::string shape() { return "regular expression"; }
    static void read(Reading& reading, const Node& node, std::string& target);
    static std::string show(const std::string& value);
};

}  // namespace dpsup::config
