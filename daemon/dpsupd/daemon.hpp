// Puts the daemon together and runs it: wiring only.
#pragma once

#include <string>

#include "config/load.hpp"

namespace dpsup {

struct Start {
    std::string config_file;
    config::Config config;
    config::Origin origin;     // of `config`
    std::string applied_path;  // where it is put on record; may be empty
    std::string applied_mark;  // of what was on record there when it was read
    bool goes_on = false;      // with what an earlier dpsupd of this boot ran
};

// What an earlier dpsupd of this boot ran and did not end, whatever the files say now; else what they say.
[[nodiscard]] config::LoadOutcome load_to_start(const std::string& config_file, Start& start);

// Returns when the daemon ends: its exit code. Errors have been told to stderr or the journal.
[[nodiscard]] int run_daemon(Start start);

}  // namespace dpsup
