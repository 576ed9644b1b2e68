#include "cgroups.hpp"

#include <algorithm>
#include <string>

#include "io/systemd/services_scope.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

Result<io::CgroupRoot> open_scope(const std::string& name) {
    const Result<io::ServicesScope> scope = io::open_services_scope(name);
    if (!scope) return tl::unexpected(scope.error());
    io::CgroupRoot root = io::cgroup_root_in(scope->cgroup);
    if (!root.path.empty()) root.unit = name;
    return root;
}

io::CgroupRoot choose_anew(const config::Daemon& daemon, bool by_systemd) {
    if (by_systemd) {
        const Result<io::CgroupRoot> root = open_scope(scope_of(daemon));
        if (root) return *root;
        log_error(root.error());
    }
    return io::choose_cgroup_root(daemon.state_dir);
}

}  // namespace

std::string scope_of(const config::Daemon& daemon) {
    return io::services_scope_name(daemon.state_dir, config::Daemon{}.state_dir);
}

io::CgroupRoot choose_cgroups(const config::Daemon& daemon, bool by_systemd, const io::RunRecords& records) {
    io::CgroupRoot chosen = choose_anew(daemon, by_systemd);
    const auto running =
        std::ranges::find_if(records, [](const auto& one) { return one.second.snapshot.run.has_value(); });
    if (running == records.end()) return chosen;
    std::string warning;
    io::CgroupRoot followed = io::follow_cgroup_root(running->second.cgroup_root, std::move(chosen), warning);
    if (!warning.empty()) log_warning(warning);
    return followed;
}

std::function<Result<void>()> reopening(const config::Daemon& daemon, const io::CgroupRoot& root) {
    return [state_dir = daemon.state_dir, root]() -> Result<void> {
        io::CgroupRoot opened;
        if (root.unit.empty()) {
            opened = io::choose_cgroup_root(state_dir);
        } else {
            Result<io::CgroupRoot> scope = open_scope(root.unit);
            if (!scope) return tl::unexpected(scope.error());
            opened = std::move(*scope);
        }
        if (opened.path == root.path) return {};
        return fail("cgroup",
                    opened.path.empty() ? opened.reason : "services would run below " + opened.path + " now");
    };
}

}  // namespace dpsup
