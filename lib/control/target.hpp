// A request's target, "/v1/status?name=a&name=b", taken apart and percent-decoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace dpsup::control {

struct Target {
    std::vector<std::string> path;  // segments, without empty ones at the ends
    std::vector<std::pair<std::string, std::string>> query;
};

// Fails (invalid_request) on a target that is no absolute path, or holds a broken escape or a NUL.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

}  // namespace dpsup::control
