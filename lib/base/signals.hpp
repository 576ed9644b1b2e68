// Signals by name, as people write them ("SIGINT", "INT", "int", "2", "RTMIN+3") and as messages show them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dpsup {

// The signal's number; nothing where `text` names none that may be sent (the C library keeps 32 and 33 for itself).
[[nodiscard]] std::optional<int> parse_signal(std::string_view text);

// "SIGINT", "SIGRTMIN+3"; "signal 99" for a number that is none.
[[nodiscard]] std::string signal_name(int signal);

}  // namespace dpsup
