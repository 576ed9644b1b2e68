// The kernel's numbers for the names that the configuration uses.
#pragma once

#include <optional>
#include <string_view>

namespace dpsup::io {

// "CAP_NET_BIND_SERVICE" -> 10.
[[nodiscard]] std::optional<unsigned> capability_number(std::string_view name);

// "nofile" -> RLIMIT_NOFILE.
[[nodiscard]] std::optional<int> rlimit_number(std::string_view name);

}  // namespace dpsup::io
