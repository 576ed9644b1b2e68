// sd_notify by hand, so that the actor stays static and small, and may send what libsystemd would not.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "actor.hpp"

namespace dpsup::actor {

void notify(const std::string& message) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) die("there is no NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) die("NOTIFY_SOCKET is too long");
    std::memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    if (::sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&address), size) <
        0)
        die(std::string("cannot notify: ") + std::strerror(errno));
    ::close(fd);
}

}  // namespace dpsup::actor
