#include "io/journal/journal_stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace dpsup::io {
namespace {

// Seven lines: identifier, unit, priority of lines without one, whether lines may begin with one, and whether
// to pass them on to syslog, the kernel's log and the console.
std::string header_for(const std::string& identifier, const std::string& unit) {
    return identifier + "\n" + unit + "\n6\n1\n0\n0\n0\n";
}

bool make_blocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

}  // namespace

UniqueFd open_journal_stream(const std::string& socket_path, const std::string& identifier,
                             const std::string& unit) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path) return errno = ENAMETOOLONG, UniqueFd();
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return {};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    ::shutdown(fd.get(), SHUT_RD);
    const int buffer_size = 8 * 1024 * 1024;  // a burst must not make the service wait for the journal
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer_size, sizeof buffer_size) != 0)
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
    const std::string header = header_for(identifier, unit);
    if (::send(fd.get(), header.data(), header.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(header.size()))
        return {};
    // The service is to wait, not to lose lines, when the journal is slow.
    if (!make_blocking(fd.get())) return {};
    return fd;
}

}  // namespace dpsup::io
