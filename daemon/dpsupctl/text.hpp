// Text for terminals: widths, columns, colours, and nothing that a service could smuggle into them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace dpsup::ctl {

// One line, with control characters (and what a terminal could take for commands) made visible or dropped.
[[nodiscard]] std::string harmless(std::string_view text);

// Columns on the terminal; counts code points, which is right for all but wide scripts.
[[nodiscard]] std::size_t width_of(std::string_view text);

// At most `width` columns, ending in "..." where something was cut off.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

void pad_to(std::string& line, std::size_t width, std::size_t has);

// The escape sequences for a state's colour; empty where it has none.
[[nodiscard]] std::string_view colour_of(std::string_view state);
inline constexpr std::string_view colour_end = "\x1b[0m";
inline constexpr std::string_view bold = "\x1b[1m";

// "2026-11-22 20:00:00" in the host's time zone, which is what the journal shows too.
[[nodiscard]] std::string local_time(WallTime time);

[[nodiscard]] WallTime wall_now();

}  // namespace dpsup::ctl
