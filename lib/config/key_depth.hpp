// Finds dotted keys that are absurdly deep before toml++ sees them: it makes one table a dot, and destroys
// them by recursion, so that a megabyte of dots would overflow the stack.
#pragma once

#include <cstdint>
#include <string_view>

namespace dpsup::config {

// The first line (from 1) with a key of more than nesting_max parts; 0 where there is none.
[[nodiscard]] std::uint32_t line_with_deep_key(std::string_view text);

}  // namespace dpsup::config
