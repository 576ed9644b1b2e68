#include "silent_files.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

namespace dpsup::test {

SilentServers::SilentServers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) servers_.push_back(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
}

SilentServers::~SilentServers() {
    for (const int server : servers_) ::close(server);
}

bool SilentServers::mount_at(const std::string& directory) const {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_PRIVATE, "") != 0) return false;
    return std::ranges::any_of(servers_, [&](int server) {
        const std::string options = "fd=" + std::to_string(server) + ",rootmode=40000,user_id=0,group_id=0";
        return ::mount("silent", directory.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    });
}

}  // namespace dpsup::test
