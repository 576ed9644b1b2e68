// As whom a service runs: its user and groups by number, looked up once and kept for a while, since a
// directory service may be slow to answer.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
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

// Looks up now. Numbers are looked up in /etc/passwd only, and need not stand there.
[[nodiscard]] Staged<Identity> resolve_identity(const config::Process& process);

class IdentityCache {
public:
    // As of the last minute, or of the last change of /etc/passwd or /etc/group.
    [[nodiscard]] Staged<std::shared_ptr<const Identity>> resolve(const config::Process& process,
                                                                  Instant now);

private:
    struct Known {
        std::shared_ptr<const Identity> identity;
        Instant until;
    };
    void drop_if_changed();

    std::unordered_map<std::string, Known> known_;
    Duration files_changed_{};
};

}  // namespace dpsup::io
