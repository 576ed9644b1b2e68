// JSON is UTF-8, but reasons quote what probes and services said, which may be any bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dpsup {

// The length of the well-formed character that `text` begins with; 0 where it is broken, or there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

// The text with each broken byte replaced by U+FFFD.
[[nodiscard]] std::string made_utf8(std::string_view text);

}  // namespace dpsup
