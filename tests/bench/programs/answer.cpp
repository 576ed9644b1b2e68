// An HTTP server that costs next to nothing: answers whatever is asked on 127.0.0.1 with 200 and, as the probes ask,
// closes the connection; one thread, epoll. It counts its answers in the table, so that the driver knows how many probes really were made.
//
//   answer TABLE SLOT PORT
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "table.hpp"

namespace {

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

int listen_on(std::uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, 1024) != 0)
        _exit(5);
    return listener;
}

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// Whether more may come. A probe's request fits one segment; of what comes in pieces only the end is answered.
bool serve(int client, const char* table, std::size_t slot) {
    std::array<char, 4096> request{};
    const ssize_t length = recv(client, request.data(), request.size(), 0);
    if (length <= 0) return false;
    if (!std::string_view(request.data(), static_cast<std::size_t>(length)).ends_with("\r\n\r\n"))
        return true;
    note(table, slot, monotonic_ns());
    [[maybe_unused]] const ssize_t sent = send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::size_t slot = std::strtoul(argv[2], nullptr, 10);
    const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[3])));
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    for (;;) {
        std::array<epoll_event, 64> events{};
        const int ready = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener)
                watch(epoll, accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
            else if (!serve(fd, argv[1], slot))
                close(fd);
        }
    }
}
