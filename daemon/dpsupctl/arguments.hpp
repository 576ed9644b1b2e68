// The command line: its commands, their options and their help.
#pragma once

#include "dpsupctl/commands.hpp"

namespace dpsup::ctl {

// Reads the arguments and runs the command that they name.
[[nodiscard]] Exit run(int argc, const char* const* argv);

}  // namespace dpsup::ctl
