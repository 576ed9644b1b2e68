// The sentences in which the brain gives its reasons, where more than one place needs them.
#pragma once

#include <string>

#include "core/supervise/event.hpp"

namespace dpsup::core {

// "exited with code 1", "was killed by SIGKILL", "was killed by the kernel: out of memory".
[[nodiscard]] std::string describe(const Exited& exit);

// "exec of /usr/bin/x failed: No such file or directory (ENOENT)".
[[nodiscard]] std::string describe(const LaunchFailed& failure);

[[nodiscard]] std::string to_string(ProbeRole role);
[[nodiscard]] std::string to_string(Condition condition);

}  // namespace dpsup::core
