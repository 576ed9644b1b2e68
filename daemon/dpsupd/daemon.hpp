// Puts the daemon together and runs it: wiring only.
#pragma once

#include <string>

#include "config/model.hpp"

namespace dpsup {

// Returns when the daemon ends: its exit code. Errors have been told to stderr or the journal.
[[nodiscard]] int run_daemon(const std::string& config_file, config::Config config);

}  // namespace dpsup
