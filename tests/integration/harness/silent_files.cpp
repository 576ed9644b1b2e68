#include "silent_files.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace dpsup::test {
namespace {

// The first request of a mount asks for the protocol's version; there are no others before it is answered.
void take_request_in(int server) {
    std::vector<char> request(std::size_t{1} << 17U);
    const ssize_t size = ::read(server, request.data(), request.size());
    fuse_in_header asked{};
    if (size < static_cast<ssize_t>(sizeof asked)) return;
    std::memcpy(&asked, request.data(), sizeof asked);
    if (asked.opcode != FUSE_INIT) return;
    struct {
        fuse_out_header header{};
        fuse_init_out init{};
    } answer;
    answer.header.len = sizeof answer;
    answer.header.unique = asked.unique;
    answer.init.major = FUSE_KERNEL_VERSION;
    answer.init.minor = FUSE_KERNEL_MINOR_VERSION;
    answer.init.max_write = 4096;
    static_cast<void>(::write(server, &answer, sizeof answer));
}

}  // namespace

SilentServers::SilentServers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) servers_.push_back(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
}

SilentServers::~SilentServers() {
    over_ = true;
    if (reader_.joinable()) reader_.join();
    for (const int server : servers_) ::close(server);
}

void SilentServers::take_requests_in() {
    for (const int server : servers_) ::fcntl(server, F_SETFL, O_NONBLOCK);
    reader_ = std::thread([this] {
        while (!over_) {
            for (const int server : servers_) take_request_in(server);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
}

bool SilentServers::mount_at(const std::string& directory) const {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
           mount(directory);
}

bool SilentServers::mount_for(pid_t pid, const std::string& directory) const {
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string process = "/proc/" + std::to_string(pid);
        const int names = ::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
        // Into another namespace one comes at its root, which a chroot is not.
        const int root = ::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        const bool there =
            names >= 0 && ::setns(names, CLONE_NEWNS) == 0 && ::fchdir(root) == 0 && ::chroot(".") == 0;
        ::_exit(there && mount(directory) ? 0 : 1);
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
