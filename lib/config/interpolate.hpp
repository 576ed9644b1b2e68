// ${VAR} in string values, with Compose's forms and meaning:
//   $VAR ${VAR}      its value; unset: empty, and a warning
//   ${VAR:-d} ${VAR-d}   d where VAR is unset or empty / unset
//   ${VAR:?e} ${VAR?e}   the error e where VAR is unset or empty / unset
//   ${VAR:+x} ${VAR+x}   x where VAR is set and not empty / set; else empty
//   $$               one dollar sign
// d, e and x may hold variables themselves; values are not looked into again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/findings.hpp"
#include "config/node.hpp"

namespace dpsup::config {

// The variable's value, or nothing where it is unset.
using Environment = std::function<std::optional<std::string>(std::string_view)>;

// Expands every string below `root` in place. Mistakes and unset variables go to `findings`, at the string's
// place.
void interpolate(Node& root, const Environment& environment, Findings& findings);

}  // namespace dpsup::config
