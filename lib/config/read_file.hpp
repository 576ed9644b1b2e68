// Reads a whole regular file, within bounds. A pipe or a device would block the daemon, and is refused.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace dpsup::config {

// The message says what is wrong with the file, without naming it.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t size_max);

}  // namespace dpsup::config
