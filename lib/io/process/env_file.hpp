// Reads Compose's .env syntax: NAME=value lines, comments, `export`, '...' as it stands, "..." with escapes,
// and $NAME, ${NAME}, ${NAME:-default}, ${NAME-default} outside '...'.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dpsup::io {

using Variables = std::map<std::string, std::string>;

// Adds the file's variables to `variables`; the file may refer to those that are there. The error's message
// begins with the line. A name without `=` is passed over: there is no outer environment to take it from.
[[nodiscard]] Result<void> parse_env_file(std::string_view text, Variables& variables);

}  // namespace dpsup::io
