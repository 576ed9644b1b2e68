#include "io/process/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

constexpr int messages_per_turn = 32;
constexpr std::size_t message_max = 4096;
constexpr std::size_t descriptors_max = 253;  // the kernel's own bound on one message

struct Datagram {
    NotifySender sender;
    std::vector<UniqueFd> descriptors;
    std::string_view text;
    bool whole = true;
};

void take_control(const msghdr& header, Datagram& datagram, bool& has_credentials) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&header), part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len >= CMSG_LEN(sizeof(ucred))) {
            ucred credentials{};
            std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
            datagram.sender = {credentials.pid, credentials.uid};
            has_credentials = true;
        } else if (part->cmsg_type == SCM_RIGHTS) {
            const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
                datagram.descriptors.emplace_back(fd);
            }
        }
    }
}

// Nothing: the socket is empty. A datagram that was cut short or came without credentials is not `whole`.
std::optional<Datagram> receive(int fd, std::array<char, message_max>& buffer) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(descriptors_max * sizeof(int))>
        control;
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t length = -1;
    do length = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0) return std::nullopt;
    Datagram datagram;
    bool has_credentials = false;
    take_control(header, datagram, has_credentials);
    datagram.text = std::string_view(buffer.data(), static_cast<std::size_t>(length));
    datagram.whole = has_credentials && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    return datagram;
}

Staged<UniqueFd> bind_socket(const std::string& path, uid_t uid) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return stage_failed("notify", ENAMETOOLONG, path);
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return stage_failed("notify", errno, path);
    ::unlink(path.c_str());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return stage_failed("notify", errno, path);
    // Until both have happened only root can write to it; that is who we are, or the service runs as
    // ourselves.
    if (::chmod(path.c_str(), 0600) != 0 ||
        (uid != ::geteuid() && ::chown(path.c_str(), uid, ~gid_t{0}) != 0))
        return stage_failed("notify", errno, path);
    return fd;
}

}  // namespace

struct NotifySocket::Implementation : std::enable_shared_from_this<Implementation> {
    Implementation(boost::asio::io_context& context, std::string place, uid_t owner, Heard on_heard)
        : descriptor(context), path(std::move(place)), uid(owner), heard(std::move(on_heard)) {}

    void wait() {
        waiting = true;
        descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                              [self = shared_from_this()](const boost::system::error_code& error) {
                                  self->waiting = false;
                                  if (error || self->held) return;
                                  self->read(messages_per_turn);
                                  if (self->descriptor.is_open()) self->wait();
                              });
    }

    void read(int most) {
        std::array<char, message_max> buffer;
        for (int count = 0; count < most && descriptor.is_open(); ++count) {
            const auto datagram = receive(descriptor.native_handle(), buffer);
            if (!datagram) return;
            if (datagram->whole && !heard(datagram->sender, datagram->text)) return;
        }
    }

    boost::asio::posix::stream_descriptor descriptor;
    std::string path;
    uid_t uid;
    Heard heard;
    bool held = true;
    bool left = false;
    bool waiting = false;
};

Staged<std::unique_ptr<NotifySocket>> NotifySocket::open(boost::asio::io_context& context,
                                                         const std::string& path, uid_t uid, Heard heard) {
    // Services of other users must be able to go through it, though not to look around.
    ::mkdir(path.substr(0, path.rfind('/')).c_str(), 0711);
    auto fd = bind_socket(path, uid);
    if (!fd) return tl::unexpected(fd.error());
    auto implementation = std::make_shared<Implementation>(context, path, uid, std::move(heard));
    implementation->descriptor.assign(fd->release());
    return std::unique_ptr<NotifySocket>(new NotifySocket(std::move(implementation)));
}

std::unique_ptr<NotifySocket> NotifySocket::resume(boost::asio::io_context& context, UniqueFd fd,
                                                   const std::string& path, Heard heard) {
    struct stat status{};
    if (path_of(fd.get()) != path || ::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode))
        return nullptr;
    auto implementation = std::make_shared<Implementation>(context, path, status.st_uid, std::move(heard));
    implementation->descriptor.assign(fd.release());
    return std::unique_ptr<NotifySocket>(new NotifySocket(std::move(implementation)));
}

std::string NotifySocket::path_of(int fd) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX)
        return {};
    return {address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)};
}

NotifySocket::NotifySocket(std::shared_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

NotifySocket::~NotifySocket() {
    boost::system::error_code ignored;
    implementation_->descriptor.close(ignored);
    if (!implementation_->left) ::unlink(implementation_->path.c_str());
}

void NotifySocket::drain() {
    constexpr int backlog = 1024;  // more than the kernel queues on a datagram socket by default
    const auto keep = implementation_;
    keep->read(backlog);
}

void NotifySocket::hold() {
    implementation_->held = true;
    std::array<char, message_max> buffer;
    constexpr int backlog = 1024;
    for (int count = 0; count < backlog; ++count) {
        if (!receive(implementation_->descriptor.native_handle(), buffer)) return;
    }
}

void NotifySocket::listen() {
    implementation_->held = false;
    if (!implementation_->waiting) implementation_->wait();
}

void NotifySocket::leave() {
    implementation_->left = true;
}

uid_t NotifySocket::uid() const {
    return implementation_->uid;
}

int NotifySocket::fd() const {
    return implementation_->descriptor.native_handle();
}

}  // namespace dpsup::io
