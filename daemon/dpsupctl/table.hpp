// Aligned columns, and the table of services made of them. Pure: reply and terminal in, text out.
#pragma once

#include <string>
#include <vector>

#include "dpsupctl/output.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {

// The table, its summary line and, where something is wrong, the command that tells more. On a terminal it
// fits the width: first columns that matter least go, then REASON is shortened.
[[nodiscard]] std::string status_text(const StatusView& status, const Terminal& terminal, WallTime now);

// The same for --watch: fits the height too, with those that are not well first.
[[nodiscard]] std::string watch_text(const StatusView& status, const Terminal& terminal, WallTime now);

// "12 services: 10 ready, 1 waiting, 1 backoff".
[[nodiscard]] std::string summary_line(const StatusView& status);

}  // namespace dpsup::ctl
