#include "io/socket/listening_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "config/socket_keys.hpp"
#include "io/answers.hpp"
#include "io/unix_path.hpp"

namespace dpsup::io {
namespace {

constexpr int backlog = 4096;  // the kernel takes net.core.somaxconn where that is less

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    [[nodiscard]] int family() const { return storage.ss_family; }
};

template <class Socket>
Address address_from(const Socket& socket) {
    Address address;
    std::memcpy(&address.storage, &socket, sizeof socket);
    address.size = sizeof socket;
    return address;
}

// The configuration has checked that there is one.
Address bind_address(const config::Socket& socket) {
    if (const auto path = unix_address(socket.path)) return address_from(*path);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(socket.port);
    if (inet_pton(AF_INET6, socket.host.c_str(), &six.sin6_addr) == 1) return address_from(six);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(socket.port);
    inet_pton(AF_INET, socket.host.c_str(), &four.sin_addr);
    return address_from(four);
}

tl::unexpected<core::LaunchFailed> failed(const config::Socket& socket, int error_number,
                                          const std::string& why = {}) {
    return tl::unexpected<core::LaunchFailed>(core::LaunchFailed{
        "socket", error_number, config::address_of(socket) + (why.empty() ? "" : ": " + why)});
}

std::string name_of(pid_t pid) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
    return "process " + std::to_string(pid) + (name.empty() ? "" : " (" + name + ")");
}

// Frees the path of what a dead process left.
tl::expected<void, core::LaunchFailed> make_room(const config::Socket& socket) {
    const AtPath found = look_at_socket(socket.path, Duration::zero());
    switch (found.what) {
        case AtPath::What::nothing:
            return {};
        case AtPath::What::stale:
            if (::unlink(socket.path.c_str()) != 0)
                return failed(socket, errno, "remove what is stale there");
            return {};
        case AtPath::What::no_socket:
            return failed(socket, EEXIST, "what lies there is no socket");
        case AtPath::What::unclear:
            return failed(socket, found.error_number, "cannot tell whether anybody listens there");
        case AtPath::What::answers:
            return failed(
                socket, EADDRINUSE,
                found.listener > 0 ? name_of(found.listener) + " listens there" : "somebody listens there");
    }
    return {};
}

bool set_option(int fd, int level, int option) {
    const int on = 1;
    return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

tl::expected<UniqueFd, core::LaunchFailed> bind_and_listen(const config::Socket& socket) {
    const Address address = bind_address(socket);
    UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return failed(socket, errno);
    if (address.family() != AF_UNIX && !set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR))
        return failed(socket, errno);
    if (address.family() == AF_INET6 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY))
        return failed(socket, errno);
    if (::bind(fd.get(), address.get(), address.size) != 0)
        // Whose it is could be told after a walk through the descriptors of all processes only.
        return failed(socket, errno,
                      errno == EADDRINUSE
                          ? "`ss -ltnp sport = :" + std::to_string(socket.port) + "` tells by whom"
                          : "");
    // Nobody gets in before this: nobody listens yet.
    if (!socket.path.empty() && ::chmod(socket.path.c_str(), socket.mode) != 0) return failed(socket, errno);
    if (::listen(fd.get(), backlog) != 0) return failed(socket, errno);
    return fd;
}

int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool same(const Address& a, const sockaddr_storage& b) {
    if (a.family() != b.ss_family) return false;
    if (a.family() == AF_UNIX) {
        const auto& left = reinterpret_cast<const sockaddr_un&>(a.storage);
        const auto& right = reinterpret_cast<const sockaddr_un&>(b);
        return std::strncmp(left.sun_path, right.sun_path, sizeof left.sun_path) == 0;
    }
    if (a.family() == AF_INET) {
        const auto& left = reinterpret_cast<const sockaddr_in&>(a.storage);
        const auto& right = reinterpret_cast<const sockaddr_in&>(b);
        return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
    }
    const auto& left = reinterpret_cast<const sockaddr_in6&>(a.storage);
    const auto& right = reinterpret_cast<const sockaddr_in6&>(b);
    return left.sin6_port == right.sin6_port &&
           std::memcmp(&left.sin6_addr, &right.sin6_addr, sizeof left.sin6_addr) == 0;
}

}  // namespace

tl::expected<UniqueFd, core::LaunchFailed> open_listening(const config::Socket& socket) {
    if (socket.path.empty()) return bind_and_listen(socket);
    if (!answers(socket.path)) return failed(socket, 0, "its file system does not answer");
    const auto locked = lock_folder(folder_of(socket.path), Duration::zero());
    if (!locked)
        return failed(socket, locked.error(),
                      locked.error() == EWOULDBLOCK ? "its directory is locked (lslocks tells by whom)"
                                                    : "its directory cannot be opened");
    if (auto room = make_room(socket); !room) return tl::unexpected(room.error());
    return bind_and_listen(socket);
}

bool listens_at(int fd, const config::Socket& socket) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    return option_of(fd, SO_TYPE) == SOCK_STREAM && option_of(fd, SO_ACCEPTCONN) == 1 &&
           ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
           same(bind_address(socket), name);
}

bool can_be_found(const config::Socket& socket) {
    if (socket.path.empty() || !answers(socket.path)) return true;
    struct stat about{};
    return ::lstat(socket.path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
}

// By descriptor: what is changed is the socket that was looked at, whatever takes its place meanwhile.
int give_to(const config::Socket& socket, uid_t uid, gid_t gid) {
    if (socket.path.empty()) return 0;
    const UniqueFd file(::open(socket.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat about{};
    if (!file || ::fstat(file.get(), &about) != 0) return errno;
    if (!S_ISSOCK(about.st_mode)) return ENOTSOCK;
    const bool owned = about.st_uid == uid && about.st_gid == gid;
    if (!owned && ::fchownat(file.get(), "", uid, gid, AT_EMPTY_PATH) != 0) return errno;
    const std::string link = "/proc/self/fd/" + std::to_string(file.get());
    return ::chmod(link.c_str(), socket.mode) == 0 ? 0 : errno;
}

bool clear_up(const config::Socket& socket) {
    if (socket.path.empty()) return true;
    if (!answers(socket.path)) return false;
    const auto locked = lock_folder(folder_of(socket.path), Duration::zero());
    if (!locked) return false;
    const AtPath::What what = look_at_socket(socket.path, Duration::zero()).what;
    if (what == AtPath::What::stale) ::unlink(socket.path.c_str());
    return what != AtPath::What::answers && what != AtPath::What::unclear;
}

}  // namespace dpsup::io
