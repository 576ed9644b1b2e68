// TOML text -> our own small tree. The one file that includes toml++ is toml_reader.cpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "config/findings.hpp"
#include "config/node.hpp"

namespace dpsup::config {

inline constexpr std::size_t file_size_max = std::size_t{4} << 20U;
inline constexpr std::size_t nesting_max = 16;

// The file's root table; nothing where it is no TOML or passes a bound (then `findings` says why). The parser
// stops at the first mistake in a file's syntax.
[[nodiscard]] std::optional<Node> read_toml(std::string_view text, std::uint32_t file, Findings& findings);

}  // namespace dpsup::config
