// The state file's text: JSON with a version, so that a later dpsup can read what an earlier one wrote.
#pragma once

#include <string>
#include <string_view>

#include "io/state/state_store.hpp"

namespace dpsup::io {

[[nodiscard]] std::string encode_state(const Remembered& remembered);

// `origin` names the file, for messages.
[[nodiscard]] Result<Remembered> decode_state(std::string_view text, const std::string& origin);

}  // namespace dpsup::io
