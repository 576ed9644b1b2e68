#include "io/http/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "io/unique_fd.hpp"
#include "io/unix_path.hpp"

namespace dpsup::io::http {
namespace {

constexpr std::chrono::seconds lock_patience{3};
constexpr std::chrono::seconds dead_patience{2};
constexpr mode_t socket_mode = 0666;  // who may do what is decided by the peer's credentials

tl::unexpected<Error> failed(const std::string& what, const std::string& path, int error = errno,
                             std::string hint = {}) {
    return fail("socket_failed", what + " " + path + ": " + std::strerror(error), std::move(hint));
}

// Whoever has the folder's lock looks and replaces alone: daemons may start at the same moment.
Result<UniqueFd> lock(const std::string& folder) {
    auto locked = lock_folder(folder, lock_patience);
    if (locked) return std::move(*locked);
    if (locked.error() == EWOULDBLOCK)
        return fail("in_use", "the folder " + folder + " stays locked by another process",
                    "see who holds it: lslocks");
    return failed("cannot open the control socket's folder", folder, locked.error(),
                  "create it, or set daemon.socket to a path in a folder that exists");
}

// Fails where something answers at `path`, or where what lies there is no socket.
Result<void> check_free(const std::string& path) {
    const AtPath found = look_at_socket(path, dead_patience);
    switch (found.what) {
        case AtPath::What::nothing:
        case AtPath::What::stale:
            return {};
        case AtPath::What::no_socket:
            return fail("in_use", path + " exists and is not a socket",
                        "remove it, or set daemon.socket to another path");
        case AtPath::What::unclear:
            return failed("cannot tell whether a daemon answers on", path, found.error_number);
        case AtPath::What::answers:
            return fail("in_use", "another dpsupd answers on " + path,
                        "stop it first, or give this one its own daemon.socket, state_dir and runtime_dir");
    }
    return {};
}

Result<UniqueFd> bound_and_listening(const std::string& path) {
    const auto address = unix_address(path);
    if (!address)
        return fail("socket_failed", "the control socket's path is too long: " + path,
                    "at most about 90 characters fit; set daemon.socket to a shorter path");
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return failed("cannot make the control socket", path);
    ::unlink(path.c_str());  // left by an attempt that was killed between bind and rename
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return failed("cannot bind the control socket", path);
    if (::chmod(path.c_str(), socket_mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
        auto error = failed("cannot listen on", path);
        ::unlink(path.c_str());
        return error;
    }
    return fd;
}

int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace

Result<Listener> Listener::create(const std::string& path) {
    if (!unix_address(path))
        return fail("socket_failed", "daemon.socket is empty or longer than 107 characters: " + path);
    const std::string folder = folder_of(path);
    const auto locked = lock(folder);
    if (!locked) return tl::unexpected(locked.error());
    if (auto free = check_free(path); !free) return tl::unexpected<Error>(std::move(free.error()));

    const std::string fresh = folder + "/.dpsup." + std::to_string(::getpid());
    auto listening = bound_and_listening(fresh);
    if (!listening) return tl::unexpected<Error>(std::move(listening.error()));
    struct stat status{};
    if (::lstat(fresh.c_str(), &status) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        auto error = failed("cannot put the control socket at", path);
        ::unlink(fresh.c_str());
        return error;
    }
    return Listener(listening->release(), path, status.st_ino);
}

Result<Listener> Listener::adopt(int fd) {
    if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_STREAM ||
        option_of(fd, SO_ACCEPTCONN) != 1)
        return fail(
            "socket_failed",
            "descriptor " + std::to_string(fd) + " was handed in but is no listening Unix stream socket",
            "the socket unit needs ListenStream= with a path");
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return failed("cannot take over", "descriptor " + std::to_string(fd));
    return Listener(fd, {}, 0);
}

Result<Listener> Listener::adopt_own(int fd, const std::string& path) {
    Result<Listener> listener = adopt(fd);
    struct stat status{};
    if (!listener || ::lstat(path.c_str(), &status) != 0) return listener;
    listener->path_ = path;
    listener->inode_ = status.st_ino;
    return listener;
}

Listener::Listener(int fd, std::string path, unsigned long inode)
    : fd_(fd), path_(std::move(path)), inode_(inode) {}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::exchange(other.path_, {})),
      inode_(std::exchange(other.inode_, 0)) {}

Listener& Listener::operator=(Listener&& other) noexcept {
    if (this == &other) return *this;
    close();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::exchange(other.path_, {});
    inode_ = std::exchange(other.inode_, 0);
    return *this;
}

Listener::~Listener() {
    close();
}

bool Listener::is_own() const {
    struct stat status{};
    return !path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_;
}

void Listener::close() {
    if (fd_ < 0) return;
    if (is_own()) ::unlink(path_.c_str());
    ::close(fd_);
    fd_ = -1;
}

}  // namespace dpsup::io::http
