// A server with the virtues and vices that probes are for.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "actor.hpp"

namespace dpsup::actor {
namespace {

int listen_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        die("cannot bind " + path);
    return fd;
}

int listen_tcp(const std::string& place) {
    const auto colon = place.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(place.c_str() + colon + 1)));
    ::inet_pton(AF_INET, place.substr(0, colon).c_str(), &address.sin_addr);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        die("cannot bind " + place);
    return fd;
}

std::string first_line_of(const std::string& file) {
    std::array<char, 256> text{};
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!::read(fd, text.data(), text.size() - 1);
        ::close(fd);
    }
    const std::string all(text.data());
    return all.substr(0, all.find('\n'));
}

std::string mode() {
    const std::string& mode = manners().serve_mode;
    return mode.starts_with('@') ? first_line_of(mode.substr(1)) : mode;
}

void write_reply(int peer, const std::string& text) {
    (void)!::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
}

std::string http_reply(const std::string& status, const std::string& body) {
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

void listen_at(const std::string& address) {
    const int fd =
        address.starts_with("unix:") ? listen_unix(address.substr(5)) : listen_tcp(address.substr(4));
    if (::listen(fd, 128) != 0) die("cannot listen at " + address);
    manners().listeners.push_back(fd);
}

void listen_at_passed() {
    constexpr int first = 3;
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || std::atoi(pid) != ::getpid() || count == nullptr)
        die("no sockets were passed to us");
    for (int fd = first; fd < first + std::atoi(count); ++fd) {
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) die("LISTEN_FDS promises more than there is");
        manners().listeners.push_back(fd);
    }
    manners().hasty = true;
}

void answer_one(int listener) {
    const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    const std::string now = mode();
    if (now == "hang") return;  // the connection stays open, and nobody reads it
    std::array<char, 4096> request{};
    timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)!::recv(peer, request.data(), request.size(), 0);
    if (now.starts_with("say "))
        write_reply(peer, now.substr(4));
    else if (now == "fail")
        write_reply(peer, http_reply("503 Service Unavailable", R"({"status":"red"})"));
    else
        write_reply(peer, http_reply("200 OK", R"({"status":"green"})"));
    ::shutdown(peer, SHUT_WR);
    if (!manners().hasty) (void)!::recv(peer, request.data(), request.size(), 0);
    ::close(peer);
}

}  // namespace dpsup::actor
