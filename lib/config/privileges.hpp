// The kinds of value behind rlimits and capabilities.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "config/reading.hpp"

namespace dpsup::config {

// { nofile = 65536, core = "unlimited", memlock = { soft = "64MiB", hard = "128MiB" } }
struct Rlimits {
    static std::string shape() { return "table of numbers, sizes, \"unlimited\" or { soft, hard }"; }
    static void read(Reading& reading, const Node& node, std::map<std::string, Rlimit>& target);
    static std::string show(const std::map<std::string, Rlimit>& value);
};

// ["CAP_NET_BIND_SERVICE", "sys_nice"]
struct Capabilities {
    static std::string shape() { return "array of capabilities' names"; }
    static void read(Reading& reading, const Node& node, std::optional<std::vector<std::string>>& target);
    static std::string show(const std::optional<std::vector<std::string>>& value);
};

}  // namespace dpsup::config
