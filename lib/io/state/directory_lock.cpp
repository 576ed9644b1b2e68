#include "io/state/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

namespace dpsup::io {
namespace {

constexpr std::chrono::milliseconds look_every{20};
constexpr std::chrono::seconds patience{2};

bool lock_in_time(int fd) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return false;
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(look_every);
    }
    return true;
}

// " (pid 12)" of the daemon that wrote itself down, unless it has gone: who holds the lock then is not known.
std::string holder(int fd) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
    if (size <= 0) return {};
    const std::string pid(text.data(), static_cast<std::size_t>(size));
    if (pid.find_first_not_of("0123456789") != std::string::npos) return {};
    std::string program;
    std::getline(std::ifstream("/proc/" + pid + "/comm"), program);
    return program == "dpsupd" ? " (pid " + pid + ")" : "";
}

bool is_locked_file(const UniqueFd& held, const std::string& path) {
    struct stat ours{};
    struct stat there{};
    return held && ::fstat(held.get(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino &&
           ::flock(held.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

Result<UniqueFd> lock_directory(const std::string& directory, const std::string& name,
                                const std::string& what, UniqueFd held) {
    const std::string path = directory + "/" + name;
    if (is_locked_file(held, path)) return held;
    held.reset();
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!lock) return fail("lock_failed", "open " + path + ": " + std::strerror(errno));
    if (!lock_in_time(lock.get())) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail("lock_failed", "lock " + path + ": " + std::strerror(errno));
        return fail("already_running",
                    "another dpsupd" + holder(lock.get()) + " uses the " + what + " " + directory,
                    "use that one, or give this one paths of its own in [daemon]");
    }
    // For the message above only; a full disk must not keep the daemon from starting.
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
    return lock;
}

}  // namespace dpsup::io
