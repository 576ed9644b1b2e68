// Everything that a child needs, laid out before it is born: strings, ids, limits, descriptors. Owns what
// ChildPlan points to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "io/process/child.hpp"
#include "io/process/identity.hpp"
#include "io/process/stage.hpp"
#include "io/socket/passed_socket.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// What is the same for every launch of this daemon.
struct LaunchDefaults {
    UniqueFd dev_null;
    int oom_score_adj = 0;  // the daemon's own
    rlimit64 nofile{};      // of services that name none
    std::string instance;   // marks our processes: DPSUP_INSTANCE=<instance>/<leaf>
};

[[nodiscard]] LaunchDefaults make_launch_defaults(const rlimit64& nofile, const std::string& instance = {});

class LaunchPlan {
public:
    // `environment`: "NAME=value" each. `path` is what to exec; the process sees `command` as its arguments.
    LaunchPlan(const config::Process& process, std::shared_ptr<const Identity> identity,
               std::vector<std::string> command, std::string path, std::vector<std::string> environment);
    ~LaunchPlan();  // wipes the environment: secrets do not stay in the daemon's memory
    LaunchPlan(const LaunchPlan&) = delete;
    LaunchPlan& operator=(const LaunchPlan&) = delete;

    // Fills in what only the host knows. Fails on a name that the kernel does not have.
    [[nodiscard]] Staged<void> complete(const config::Process& process, const LaunchDefaults& defaults,
                                        int output_fd);

    // Hands them to the process; where its environment has LISTEN_PID= with room for ten digits, the child fills
    // them in. The descriptors stay the caller's, and open until it has been launched.
    void pass(const PassedSockets& sockets);

    ChildPlan child;
    std::string cgroup_procs;  // path, for where the clone cannot place the child
    UniqueFd cgroup;           // the directory in which the child is to be born; none: where the daemon is

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] const Identity& identity() const { return *identity_; }
    // "nofile", of the rlimit that could not be set.
    [[nodiscard]] std::string failed_rlimit() const;

private:
    [[nodiscard]] Staged<void> add_rlimits(const config::Process& process, const LaunchDefaults& defaults);
    [[nodiscard]] Staged<void> add_capabilities(const config::Process& process);
    void add_oom_score_adj(const config::Process& process, const LaunchDefaults& defaults);

    std::shared_ptr<const Identity> identity_;
    std::vector<std::string> command_;
    std::string path_;
    std::string directory_;
    std::vector<std::string> environment_;
    std::vector<const char*> arguments_;
    std::vector<const char*> environment_pointers_;
    std::vector<RlimitSetting> rlimits_;
    std::vector<std::string> rlimit_names_;
    std::string oom_score_adj_;
    std::vector<int> sockets_;
};

}  // namespace dpsup::io
