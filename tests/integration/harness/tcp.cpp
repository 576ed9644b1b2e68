#include "tcp.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dpsup::test {
namespace {

constexpr std::string_view request_text = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

constexpr std::size_t waiting_most = 500;  // the limit of descriptors may be 1024

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const std::string& host, std::uint16_t port) {
    Address address;
    auto& six = reinterpret_cast<sockaddr_in6&>(address.storage);
    if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) == 1) {
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(port);
        address.size = sizeof six;
        return address;
    }
    auto& four = reinterpret_cast<sockaddr_in&>(address.storage);
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    ::inet_pton(AF_INET, host.c_str(), &four.sin_addr);
    address.size = sizeof four;
    return address;
}

int open_socket(const Address& address, int flags = 0) {
    return ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

// Thousands of connections a minute would leave as many ports in TIME_WAIT.
void close_at_once(int fd) {
    const linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ::close(fd);
}

}  // namespace

int connect_error(const std::string& host, std::uint16_t port) {
    const Address address = address_of(host, port);
    const int fd = open_socket(address);
    const int error = ::connect(fd, address.get(), address.size) == 0 ? 0 : errno;
    close_at_once(fd);
    return error;
}

std::string get(const std::string& host, std::uint16_t port, Clock::duration limit) {
    const Address address = address_of(host, port);
    const auto deadline = Clock::now() + limit;
    const int fd = open_socket(address);
    std::string text;
    if (::connect(fd, address.get(), address.size) == 0 &&
        ::send(fd, request_text.data(), request_text.size(), MSG_NOSIGNAL) > 0) {
        std::array<char, 1024> chunk{};
        pollfd ready{fd, POLLIN, 0};
        while (::poll(&ready, 1, left_ms(deadline)) > 0) {
            const ssize_t size = ::recv(fd, chunk.data(), chunk.size(), 0);
            if (size <= 0) break;
            text.append(chunk.data(), static_cast<std::size_t>(size));
        }
    }
    ::close(fd);
    return text;
}

std::uint16_t free_port(const std::string& host) {
    Address address = address_of(host, 0);
    const int fd = open_socket(address);
    const bool bound = ::bind(fd, address.get(), address.size) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) == 0;
    ::close(fd);
    // The port stands at the same place in both families.
    return bound ? ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port) : std::uint16_t{0};
}

struct Load::Request {
    int fd = -1;
    Clock::time_point begun;
    bool sent = false;
    int connect_error = 0;
    std::string reply;

    // As far as it goes now; true: it is over.
    bool go_on() {
        if (!sent) {
            socklen_t size = sizeof connect_error;
            ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &connect_error, &size);
            const auto length = static_cast<ssize_t>(request_text.size());
            sent = connect_error == 0 &&
                   ::send(fd, request_text.data(), request_text.size(), MSG_NOSIGNAL) == length;
            if (!sent) return true;
        }
        std::array<char, 1024> chunk{};
        for (;;) {
            const ssize_t size = ::recv(fd, chunk.data(), chunk.size(), 0);
            if (size <= 0) return size == 0 || errno != EAGAIN;
            reply.append(chunk.data(), static_cast<std::size_t>(size));
        }
    }
    [[nodiscard]] bool whole() const {
        return reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("{\"status\":\"green\"}");
    }
};

Load::Load(std::string host, std::uint16_t port, int per_second)
    : host_(std::move(host)),
      port_(port),
      every_(std::chrono::duration_cast<Clock::duration>(std::chrono::seconds(1)) / per_second),
      thread_([this] { run(); }) {}

Load::~Load() {
    stop();
}

void Load::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

void Load::count(const Request& request) {
    if (request.whole())
        ++answered_;
    else if (request.connect_error == ECONNREFUSED)
        ++refused_;
    else
        ++failed_;
}

void Load::run() {
    const Address address = address_of(host_, port_);
    const int events = ::epoll_create1(EPOLL_CLOEXEC);
    std::unordered_map<int, Request> requests;
    const auto finish = [&](int fd) {
        const auto found = requests.find(fd);
        count(found->second);
        requests.erase(found);
        // Else it would be told of still, while a child of ours that is not at its exec yet has a copy.
        ::epoll_ctl(events, EPOLL_CTL_DEL, fd, nullptr);
        close_at_once(fd);
    };
    const auto send_one = [&] {
        const int fd = open_socket(address, SOCK_NONBLOCK);
        Request& request = requests[fd];
        request.fd = fd;
        request.begun = Clock::now();
        epoll_event wanted{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = fd}};
        ::epoll_ctl(events, EPOLL_CTL_ADD, fd, &wanted);
        if (::connect(fd, address.get(), address.size) == 0 || errno == EINPROGRESS) return;
        request.connect_error = errno;
        finish(fd);
    };
    for (auto next = Clock::now(); !stopping_ || !requests.empty();) {
        for (; !stopping_ && next <= Clock::now(); next += every_) {
            if (requests.size() < waiting_most)
                send_one();
            else
                ++left_out_;
        }
        std::array<epoll_event, 64> ready{};
        const int count_ready = ::epoll_wait(events, ready.data(), ready.size(), 1);
        for (int i = 0; i < count_ready; ++i) {
            const int fd = ready.at(static_cast<std::size_t>(i)).data.fd;
            if (requests.at(fd).go_on()) finish(fd);
        }
        std::vector<int> late;
        for (const auto& [fd, one] : requests)
            if (Clock::now() - one.begun >= patience) late.push_back(fd);
        for (const int fd : late) finish(fd);
        waiting_max_ = std::max(waiting_max_.load(), static_cast<long>(requests.size()));
    }
    ::close(events);
}

}  // namespace dpsup::test
