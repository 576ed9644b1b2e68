// Splits a command that was written as one string into words, as a shell would, without running one: quotes
// and backslashes work; nothing is expanded, and what only a shell can do is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dpsup::config {

[[nodiscard]] Result<std::vector<std::string>> split_like_shell(std::string_view text);

}  // namespace dpsup::config
