// Whether a dpsupd could go on where the one that runs would stop: asked of the program on disk before a re-exec, by
// executing it with --check-takeover. So it is known to execute at all, and to understand what is on record.
#pragma once

#include <string>

namespace dpsup {

// In the program that is asked: tells stdout that it can, or stderr why not. Returns the exit code.
[[nodiscard]] int check_takeover(const std::string& config_file);

// In the one that asks: the version of the program that has said so; empty: it has not.
[[nodiscard]] std::string version_that_can_take_over(const std::string& said);

}  // namespace dpsup
