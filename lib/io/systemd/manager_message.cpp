#include "io/systemd/manager_message.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

constexpr timeval short_patience{.tv_sec = 0, .tv_usec = 200'000};

// 0: it is no address of ours to make (systemd may name others than these, of virtual machines).
socklen_t fill_address(const std::string& socket, sockaddr_un& address) {
    if (socket.size() < 2 || socket.size() >= sizeof address.sun_path) return 0;
    if (socket.front() != '/' && socket.front() != '@') return 0;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket.data(), socket.size());
    if (socket.front() == '/') return sizeof address;
    address.sun_path[0] = '\0';  // an abstract name is as long as it is said to be
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
}

// `control` holds what `message` points to.
void attach(std::span<const int> descriptors, std::vector<std::byte>& control, msghdr& message) {
    if (descriptors.empty()) return;
    control.resize(CMSG_SPACE(descriptors.size_bytes()));
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
}

}  // namespace

void tell_manager(const std::string& state, Patience patience, std::span<const int> descriptors) {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    if (socket == nullptr) return;
    sockaddr_un address{};
    const socklen_t length = fill_address(socket, address);
    if (length == 0) {
        (void)sd_pid_notify_with_fds(0, 0, state.c_str(), descriptors.data(),
                                     static_cast<unsigned>(descriptors.size()));
        return;
    }
    const UniqueFd from(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!from) return;  // as where nobody receives it
    (void)::setsockopt(from.get(), SOL_SOCKET, SO_SNDTIMEO, &short_patience, sizeof short_patience);
    std::string text = state;
    iovec part{text.data(), text.size()};
    std::vector<std::byte> control;
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = length;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    attach(descriptors, control, message);
    (void)::sendmsg(from.get(), &message, MSG_NOSIGNAL | (patience == Patience::none ? MSG_DONTWAIT : 0));
}

}  // namespace dpsup::io
