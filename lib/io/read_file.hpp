// For the small files of /proc and cgroups.
#pragma once

#include <cstddef>
#include <string>

namespace dpsup::io {

// What can be read of the file, until some bytes past `most`; empty where it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path, std::size_t most);

// The same into `text`, and 0; or the errno with which opening or reading it failed.
[[nodiscard]] int read_file(const std::string& path, std::size_t most, std::string& text);

}  // namespace dpsup::io
