// Puts a service's limits on its cgroup, and sees to it that the controllers which they need are there.
#pragma once

#include <string>
#include <vector>

#include "config/model.hpp"

namespace dpsup::io::cgroup {

struct LimitFailure {
    std::string controller;
    int error_number = 0;  // 0: the hierarchy does not have the controller
    std::string what;      // "limits.memory: the memory controller is not available in /sys/fs/cgroup/dpsup"
};

// Which limits a cgroup has.
struct GivenLimits {
    bool cpus = false;
    bool memory = false;
    bool pids = false;
    bool io_weight = false;
};

// Those that a cgroup directly below `root` can have: where a controller is off there is nothing to set, nor to unset.
[[nodiscard]] GivenLimits possible_limits(const std::string& root);

// `directory` is the service's, directly below `root`. What it was `given` and `limits` has not goes back to
// no limit. Every limit is tried; the answer lists those that do not hold.
[[nodiscard]] std::vector<LimitFailure> apply_limits(const std::string& root, const std::string& directory,
                                                     GivenLimits& given, const config::Limits& limits);

}  // namespace dpsup::io::cgroup
