// Puts the daemon together and runs it: wiring only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "io/reexec.hpp"

namespace dpsup {

struct Start {
    std::string config_file;
    config::Config config;
    config::Origin origin;     // of `config`
    std::string applied_path;  // where it is put on record; may be empty
    std::string applied_mark;  // of what was on record there when it was read
    bool goes_on = false;      // with what an earlier dpsupd of this boot ran
    std::string passed_over;   // why not, where something is on record: for people
    std::string program;       // the path by which this one was started
    std::vector<std::string> arguments;
    std::optional<io::Handover> handover;  // of the program that ran in this process before
};

// sysexits.h's EX_CONFIG: systemd need not try again until somebody mends the configuration, or installs the dpsup that
// wrote what is on record.
inline constexpr int exit_config = 78;

// What an earlier dpsupd of this boot ran and did not end, whatever the files say now; else what they say. Fails with
// "state_too_new" where the former was written by a newer dpsup.
[[nodiscard]] Result<config::LoadOutcome> load_to_start(const std::string& config_file, Start& start);

// Returns when the daemon ends: its exit code. Errors have been told to stderr or the journal.
[[nodiscard]] int run_daemon(Start start);

}  // namespace dpsup
