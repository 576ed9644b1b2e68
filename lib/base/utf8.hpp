// JSON is UTF-8, but reasons quote what probes and services said, which may be any bytes.
#pragma once

#include <string>
#include <string_view>

namespace dpsup {

[[nodiscard]] bool is_utf8(std::string_view text);

// The text with each broken byte replaced by U+FFFD.
[[nodiscard]] std::string made_utf8(std::string_view text);

}  // namespace dpsup
