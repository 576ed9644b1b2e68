// RFC 4648, with padding: as etcd's JSON gateway writes bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dpsup {

[[nodiscard]] std::string to_base64(std::string_view bytes);

// Nothing where it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace dpsup
