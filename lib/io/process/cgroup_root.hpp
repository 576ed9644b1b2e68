// Chooses where the services' cgroups lie: below what systemd delegated to us, or else in a directory of our own
// below the cgroup in which the daemon itself runs.
#pragma once

#include <string>

namespace dpsup::io {

struct CgroupRoot {
    std::string path;    // empty: no cgroup v2 hierarchy can be used
    std::string reason;  // why, one sentence for the log
    // Of systemd, in which it lies and nothing else does. Empty: services share their unit with us and with whoever
    // started us, so that it tells nothing.
    std::string unit = {};
};

// Looks at the mounts and at our own cgroup, and tries. `state_dir` keeps two daemons on a host apart.
[[nodiscard]] CgroupRoot choose_cgroup_root(const std::string& state_dir);

// The systemd scope of the services of the daemon with this state directory: one for each daemon on a host.
[[nodiscard]] std::string services_scope_name(const std::string& state_dir,
                                              const std::string& default_state_dir);

// The same in a delegated cgroup that systemd gave us ("/system.slice/dpsup-services.scope"). What runs in it directly,
// its holder, is moved to a leaf: a cgroup with processes of its own passes no controllers on.
[[nodiscard]] CgroupRoot cgroup_root_in(const std::string& delegated_cgroup);

// What an earlier daemon launched below `running` (empty: without cgroups) can only be followed there: that root rather
// than `chosen`, where it is another and can be used. `warning` says what is lost where it cannot.
[[nodiscard]] CgroupRoot follow_cgroup_root(const std::string& running, CgroupRoot chosen,
                                            std::string& warning);

}  // namespace dpsup::io
