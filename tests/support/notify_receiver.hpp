// systemd's end of sd_notify: a socket that hears what is said, and takes the descriptors that come along.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/unique_fd.hpp"
#include "support/temporary_folder.hpp"

namespace dpsup::test {

class NotifyReceiver {
public:
    struct Message {
        std::string text;
        std::vector<io::UniqueFd> descriptors;
    };

    // While it lives, NOTIFY_SOCKET leads here.
    NotifyReceiver() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = folder_.file("notify");
        std::memcpy(address.sun_path, path.data(), path.size());
        ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~NotifyReceiver() { ::unsetenv("NOTIFY_SOCKET"); }
    NotifyReceiver(const NotifyReceiver&) = delete;
    NotifyReceiver& operator=(const NotifyReceiver&) = delete;

    // What has been said since the last call; sd_notify has delivered it before it returns.
    [[nodiscard]] std::vector<Message> heard() {
        std::vector<Message> messages;
        for (;;) {
            std::array<char, 4096> text{};
            alignas(cmsghdr) std::array<char, 256> control{};
            iovec part{text.data(), text.size()};
            msghdr header{};
            header.msg_iov = &part;
            header.msg_iovlen = 1;
            header.msg_control = control.data();
            header.msg_controllen = control.size();
            const ssize_t size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
            if (size < 0) return messages;
            Message message{std::string(text.data(), static_cast<std::size_t>(size)), {}};
            for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
                if (one->cmsg_type != SCM_RIGHTS) continue;
                for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= one->cmsg_len; at += sizeof(int)) {
                    int fd = -1;
                    std::memcpy(&fd, reinterpret_cast<const char*>(one) + at, sizeof fd);
                    message.descriptors.emplace_back(fd);
                }
            }
            messages.push_back(std::move(message));
        }
    }

private:
    TemporaryFolder folder_;
    io::UniqueFd fd_;
};

}  // namespace dpsup::test
