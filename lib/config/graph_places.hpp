// Where a dependency stands in the files.
#pragma once

#include <string_view>

#include "config/graph.hpp"

namespace dpsup::config {

[[nodiscard]] Position place_of_dependency(const Draft& draft, std::string_view name);

}  // namespace dpsup::config
