// File systems whose server never answers, as of a dead NFS; each for one mount. None can be had where there is no
// /dev/fuse.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
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
    // From now on they take each request in, and do not answer it: whoever has asked cannot even be killed.
    void take_requests_in();
    // In a mount namespace of the caller's own.
    [[nodiscard]] bool mount_at(const std::string& directory) const;
    // In that of a process which has one of its own.
    [[nodiscard]] bool mount_for(pid_t pid, const std::string& directory) const;

private:
    [[nodiscard]] bool mount(const std::string& directory) const;

    std::vector<int> servers_;
    std::atomic<bool> over_ = false;
    std::thread reader_;
};

}  // namespace dpsup::test
