// The configuration that was applied last, as an earlier dpsupd of this boot left it: after its death the next one goes on
// with this, and does not roll out a file that somebody is just editing, or fail over its mistakes.
//
// One file for each main configuration file, in a place that no configuration names: where the paths in it were edited
// the new dpsupd must find what the old one left all the same. It holds the values of variables: 0600, and in memory only
// where the runtime directory is a tmpfs.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "config/load.hpp"

namespace dpsup::io {

struct AppliedConfig {
    config::Origin origin;
    // [daemon]'s paths, which an apply does not change.
    std::string socket;
    std::string state_dir;
    std::string runtime_dir;
    std::string log_dir;

    bool operator==(const AppliedConfig&) const = default;
};

// Where it lies: below the first of $RUNTIME_DIRECTORY (systemd), else /run/dpsup for root, else $XDG_RUNTIME_DIR/dpsup.
// Empty where there is no such place.
[[nodiscard]] std::string applied_config_path(const std::string& main_file);

// Nothing where there is none of this boot, or it is damaged: then the files count. Fails with "state_too_new" where a
// newer dpsup wrote it: what runs is not what the files say, and nobody has applied them.
[[nodiscard]] Result<std::optional<AppliedConfig>> load_applied_config(const std::string& path,
                                                                       const std::string& boot_id);

// Another after each store of something else, or removal; empty where there is none.
[[nodiscard]] std::string applied_config_mark(const std::string& path);

// Where it cannot be written the old one is removed. After a crash the old one would always undo what was applied since,
// and restart what runs; without one the files count, which are what was applied as long as nobody has edited them.
[[nodiscard]] Result<void> store_applied_config(const std::string& path, const std::string& boot_id,
                                                const AppliedConfig& applied);
// Of an error of that: the same configuration may well be stored another time.
[[nodiscard]] bool may_store_later(const Error& error);

void remove_applied_config(const std::string& path);

}  // namespace dpsup::io
