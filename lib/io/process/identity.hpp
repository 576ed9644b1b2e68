// As whom a service runs: its user and groups by number.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "io/process/stage.hpp"

namespace dpsup::io {

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  // supplementary
    bool set_ids = false;       // false: as the daemon's own
    bool set_groups = false;
    std::string name;  // for USER and messages; the number where it has no name
    std::string home = "/";
    std::string shell = "/bin/sh";
};

// Looks up now, and may take as long as a directory service does. Numbers are looked up in /etc/passwd only, and need not stand there.
[[nodiscard]] Staged<Identity> resolve_identity(const config::Process& process);

// As whom the process was started: its real ids, by number, with the name that /etc/passwd has for them. Whatever the
// process does later to its other ids, and however slow the directory is. Nothing where it cannot be looked at.
[[nodiscard]] std::optional<Identity> identity_of_process(pid_t pid);

}  // namespace dpsup::io
