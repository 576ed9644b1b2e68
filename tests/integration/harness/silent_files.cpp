#include "silent_files.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
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
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
           mount(directory);
}

bool SilentServers::mount_for(pid_t pid, const std::string& directory) const {
    const pid_t child = ::fork();
    if (child == 0) {
        const int names = ::open(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
        ::_exit(names >= 0 && ::setns(names, CLONE_NEWNS) == 0 && mount(directory) ? 0 : 1);
    }
    int status = -1;
    return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

bool SilentServers::mount(const std::string& directory) const {
    return std::ranges::any_of(servers_, [&](int server) {
        const std::string options = "fd=" + std::to_string(server) + ",rootmode=40000,user_id=0,group_id=0";
        return ::mount("silent", directory.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    });
}

}  // namespace dpsup::test
