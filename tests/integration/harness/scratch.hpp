// One run of one test: a directory and, where the host has cgroups, a cgroup of its own, both gone
// afterwards. What a killed earlier run of the same test left behind (and only that: it is written down in
// its directory) is removed first. Two runs side by side do not meet: each has paths and a loopback address
// of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace dpsup::test {

class Scratch {
public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

    // Writes down that we started this process, so that a later run may kill it if we no longer can.
    void note_process(pid_t pid) const;

    // Empty: this host has no cgroup v2 tree that we may use.
    [[nodiscard]] const std::string& cgroup() const { return cgroup_; }
    // For the child between fork and exec. True also where there is none.
    [[nodiscard]] bool enter_cgroup() const;

    // Kills all that runs in our cgroup, and what became our child since its parent died.
    void kill_leftovers() const;

private:
    std::string path_;
    std::string cgroup_;
};

// An address in 127.0.0.0/8 that no other running test has.
[[nodiscard]] std::string own_address();

}  // namespace dpsup::test
