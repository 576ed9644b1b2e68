#include "io/process/cgroup_root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/hash.hpp"

namespace dpsup::io {
namespace {

struct Mount {
    std::string root;  // what of the hierarchy is mounted
    std::string point;
};

// The cgroup v2 mounts; a line: "36 35 0:31 /root /point options - cgroup2 source ...".
std::vector<Mount> cgroup2_mounts() {
    std::vector<Mount> mounts;
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.find(" - cgroup2 ") == std::string::npos) continue;
        std::istringstream words(line);
        std::string skipped;
        Mount mount;
        words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
        mounts.push_back(std::move(mount));
    }
    return mounts;
}

// Our own cgroup in the v2 hierarchy: the line that begins with "0::".
std::string own_cgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::")) return line.substr(3);
    }
    return {};
}

std::string hash_of(const std::string& text) {
    char name[17];
    std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(fnv1a(text)));
    return std::string(name, 8);
}

std::string join(const std::string& point, const std::string& below) {
    return below == "/" ? point : point + below;
}

}  // namespace

CgroupRoot choose_cgroup_root(const std::string& state_dir) {
    const auto mounts = cgroup2_mounts();
    if (mounts.empty()) return {{}, "no cgroup v2 hierarchy is mounted"};
    const std::string own = own_cgroup();
    if (own.empty() || own.starts_with("/.."))
        return {{}, "the daemon's own cgroup is outside of what is mounted"};
    std::string why_not;
    for (const auto& mount : mounts) {
        if (mount.root != "/" && own != mount.root && !own.starts_with(mount.root + "/")) continue;
        const std::string below = mount.root == "/" ? own : own.substr(mount.root.size());
        const std::string path =
            join(mount.point, below.empty() ? "/" : below) + "/dpsup-" + hash_of(state_dir);
        if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) {
            if (::access((path + "/cgroup.procs").c_str(), W_OK) == 0)
                return {path, "services run in cgroups below " + path};
        }
        why_not = path + ": " + std::strerror(errno);
    }
    return {{}, why_not.empty() ? "the daemon's own cgroup is not mounted" : why_not};
}

std::string services_scope_name(const std::string& state_dir, const std::string& default_state_dir) {
    if (state_dir == default_state_dir) return "dpsup-services.scope";
    return "dpsup-services-" + hash_of(state_dir) + ".scope";
}

CgroupRoot cgroup_root_in(const std::string& delegated_cgroup) {
    for (const auto& mount : cgroup2_mounts()) {
        const std::string scope = mount.point + delegated_cgroup;
        if (mount.root != "/" || ::access((scope + "/cgroup.procs").c_str(), W_OK) != 0) continue;
        for (const char* leaf : {"/holder", "/services"})
            if (::mkdir((scope + leaf).c_str(), 0755) != 0 && errno != EEXIST)
                return {{}, "create " + scope + leaf + ": " + std::strerror(errno)};
        std::ifstream inside(scope + "/cgroup.procs");
        for (std::string pid; std::getline(inside, pid);) {
            std::ofstream leaf(scope + "/holder/cgroup.procs");
            if (!(leaf << pid << std::flush))
                return {{}, "move process " + pid + " to " + scope + "/holder: " + std::strerror(errno)};
        }
        return {scope + "/services", "services run in cgroups below " + scope};
    }
    return {{}, delegated_cgroup + " is not in a mounted cgroup v2 hierarchy"};
}

CgroupRoot follow_cgroup_root(const std::string& running, CgroupRoot chosen, std::string& warning) {
    if (running == chosen.path) return chosen;
    if (running.empty()) return {{}, "the services were launched so by an earlier dpsupd"};
    if (::access((running + "/cgroup.procs").c_str(), W_OK) != 0) {
        if (errno != ENOENT)
            warning = "services run in cgroups below " + running + ", which cannot be used (" +
                      std::strerror(errno) + "): only their main processes are taken over";
        return chosen;
    }
    return {running, "services run in cgroups below " + running + ", where an earlier dpsupd launched them"};
}

}  // namespace dpsup::io
