// File systems whose server never answers, as of a dead NFS; each for one mount. None can be had where there is no
// /dev/fuse.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace dpsup::test {

inline constexpr const char* no_silent_files = "no /dev/fuse to make a file system with that does not answer";

class SilentServers {
public:
    explicit SilentServers(std::size_t count);
    ~SilentServers();  // whoever waits for them gets an error
    SilentServers(const SilentServers&) = delete;
    SilentServers& operator=(const SilentServers&) = delete;

    [[nodiscard]] bool there() const { return servers_.front() >= 0; }
    // In a mount namespace of the caller's own.
    [[nodiscard]] bool mount_at(const std::string& directory) const;
    // In that of a process which has one of its own.
    [[nodiscard]] bool mount_for(pid_t pid, const std::string& directory) const;

private:
    [[nodiscard]] bool mount(const std::string& directory) const;

    std::vector<int> servers_;
};

}  // namespace dpsup::test
