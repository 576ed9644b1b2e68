// Where the services' cgroups lie, and how they come back when somebody has removed them.
#pragma once

#include <functional>

#include "config/model.hpp"
#include "io/process/cgroup_root.hpp"
#include "io/state/run_log.hpp"

namespace dpsup {

[[nodiscard]] std::string scope_of(const config::Daemon& daemon);

// Started by systemd: in a scope beside our own unit. Else below our own cgroup. But what runs already can only be
// followed where it is.
[[nodiscard]] io::CgroupRoot choose_cgroups(const config::Daemon& daemon, bool by_systemd,
                                            const io::RunRecords& records);

// Opens `root` again, for ProcessHostOptions: the scope, where it was systemd's.
[[nodiscard]] std::function<Result<void>()> reopening(const config::Daemon& daemon,
                                                      const io::CgroupRoot& root);

}  // namespace dpsup
