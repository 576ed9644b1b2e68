// For the small files of /proc and cgroups.
#pragma once

#include <cstddef>
#include <string>

namespace dpsup::io {

// What can be read of the file, until some bytes past `most`; empty where it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path, std::size_t most);

}  // namespace dpsup::io
