// The journal by way of journalctl, which knows its files, its rights and its formats.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace dpsup::ctl {

struct JournalQuestion {
    std::vector<std::string> identifiers;
    std::string unit;  // in which all of them run; empty: unknown
    std::size_t lines = 0;
    bool follow = false;
    bool json = false;
};

// Becomes journalctl; returns only where that fails.
[[nodiscard]] Error become_journalctl(const JournalQuestion& question);

// Starts journalctl beside this process, with its output.
[[nodiscard]] Result<pid_t> start_journalctl(const JournalQuestion& question);

// The last lines without their prefixes; empty where they cannot be had soon.
[[nodiscard]] std::vector<std::string> last_journal_lines(const std::string& identifier,
                                                          const std::string& unit, std::size_t most);

}  // namespace dpsup::ctl
