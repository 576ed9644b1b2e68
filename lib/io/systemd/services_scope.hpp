// The transient scope in which the services' cgroups lie where systemd runs: a delegated cgroup beside dpsupd.service,
// not below it, so that neither the daemon's end nor systemd's idea of its unit touches a service. A scope lives as
// long as a process is in it: a holder, which sleeps in a leaf of its own.
#pragma once

#include <string>

#include "base/result.hpp"

namespace dpsup::io {

struct ServicesScope {
    std::string cgroup;  // in the v2 hierarchy: "/system.slice/dpsup-services.scope"
};

// Finds the scope `name` of an earlier dpsupd, or asks systemd for it. Waits for systemd for a few seconds at most.
[[nodiscard]] Result<ServicesScope> open_services_scope(const std::string& name);

// Has systemd end the holder, and with it the scope, once no service runs any more. Does not wait for it.
void close_services_scope(const std::string& name);

}  // namespace dpsup::io
