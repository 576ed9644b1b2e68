#include "io/http/listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace dpsup::io::http {
namespace {

constexpr std::chrono::milliseconds look_every{20};
constexpr int dead_tries_max = 100;   // two seconds
constexpr mode_t socket_mode = 0666;  // who may do what is decided by the peer's credentials

// Closes a descriptor that has not found its owner yet.
class Held {
public:
    explicit Held(int fd) : fd_(fd) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

tl::unexpected<Error> failed(const std::string& what, const std::string& path, std::string hint = {}) {
    const int error = errno;
    return fail("socket_failed", what + " " + path + ": " + std::strerror(error), std::move(hint));
}

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Serialises daemons that start at the same moment: whoever has the folder's lock looks and replaces alone.
Result<int> lock_folder(const std::string& folder) {
    Held fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0)
        return failed("cannot open the control socket's folder", folder,
                      "create it, or set daemon.socket to a path in a folder that exists");
    for (int tries = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
        constexpr int tries_max = 150;
        if (errno != EWOULDBLOCK && errno != EINTR) return failed("cannot lock the folder", folder);
        if (tries == tries_max)
            return fail("in_use", "the folder " + folder + " stays locked by another process",
                        "see who holds it: lslocks");
        std::this_thread::sleep_for(look_every);
    }
    return fd.release();
}

// Whether the process that listens there lives. When it has been killed, a child of its that is not at its exec yet may
// hold its socket for a moment more.
bool listener_lives(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return true;
    return ::kill(peer.pid, 0) == 0 || errno != ESRCH;
}

enum class Found : std::uint8_t { nobody, dead, alive, unclear };

Found who_listens(const sockaddr_un& address) {
    const Held probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0) return Found::unclear;
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return listener_lives(probe.get()) ? Found::alive : Found::dead;
    if (errno == ECONNREFUSED || errno == ENOENT) return Found::nobody;
    return errno == EAGAIN ? Found::alive : Found::unclear;
}

// Fails where something answers at `path`, or where what lies there is no socket.
Result<void> check_free(const std::string& path, const sockaddr_un& address) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return failed("cannot look at", path);
    }
    if (!S_ISSOCK(status.st_mode))
        return fail("in_use", path + " exists and is not a socket",
                    "remove it, or set daemon.socket to another path");
    Found found = who_listens(address);
    for (int tries = 0; found == Found::dead && tries < dead_tries_max; ++tries) {
        std::this_thread::sleep_for(look_every);
        found = who_listens(address);
    }
    if (found == Found::nobody) return {};
    if (found == Found::unclear) return failed("cannot tell whether a daemon answers on", path);
    return fail("in_use", "another dpsupd answers on " + path,
                "stop it first, or give this one its own daemon.socket, state_dir and runtime_dir");
}

Result<int> bound_and_listening(const std::string& path) {
    const auto address = address_of(path);
    if (!address)
        return fail("socket_failed", "the control socket's path is too long: " + path,
                    "at most about 90 characters fit; set daemon.socket to a shorter path");
    Held fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) return failed("cannot make the control socket", path);
    ::unlink(path.c_str());  // left by an attempt that was killed between bind and rename
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return failed("cannot bind the control socket", path);
    if (::chmod(path.c_str(), socket_mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
        auto error = failed("cannot listen on", path);
        ::unlink(path.c_str());
        return error;
    }
    return fd.release();
}

int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace

Result<Listener> Listener::create(const std::string& path) {
    const auto address = address_of(path);
    if (!address)
        return fail("socket_failed", "daemon.socket is empty or longer than 107 characters: " + path);
    const std::string folder = folder_of(path);
    auto locked = lock_folder(folder);
    if (!locked) return tl::unexpected<Error>(std::move(locked.error()));
    const Held lock(*locked);
    if (auto free = check_free(path, *address); !free) return tl::unexpected<Error>(std::move(free.error()));

    const std::string fresh = folder + "/.dpsup." + std::to_string(::getpid());
    auto listening = bound_and_listening(fresh);
    if (!listening) return tl::unexpected<Error>(std::move(listening.error()));
    Held fd(*listening);
    struct stat status{};
    if (::lstat(fresh.c_str(), &status) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        auto error = failed("cannot put the control socket at", path);
        ::unlink(fresh.c_str());
        return error;
    }
    return Listener(fd.release(), path, status.st_ino);
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
