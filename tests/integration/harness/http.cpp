#include "http.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace dpsup::test {
namespace {

bool ready(int fd, short events, Clock::time_point deadline) {
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    while (true) {
        if (::poll(&waiting, 1, left_ms(deadline)) > 0) return true;
        if (Clock::now() >= deadline) return false;
    }
}

std::size_t content_length(std::string_view head) {
    const auto at = head.find("Content-Length:");
    return at == std::string_view::npos ? 0 : std::strtoul(head.data() + at + 15, nullptr, 10);
}

}  // namespace

Connection::Connection(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        fd_ = fd;
    else if (fd >= 0)
        ::close(fd);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      text_(std::move(other.text_)),
      head_read_(other.head_read_) {}

Connection::~Connection() {
    if (fd_ >= 0) ::close(fd_);
}

bool Connection::write(std::string_view bytes, Clock::duration limit) {
    const auto deadline = Clock::now() + limit;
    while (fd_ >= 0 && !bytes.empty()) {
        if (!ready(fd_, POLLOUT, deadline)) return false;
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return fd_ >= 0;
}

bool Connection::fill(Clock::time_point deadline) {
    if (fd_ < 0 || !ready(fd_, POLLIN, deadline)) return false;
    std::array<char, 65536> chunk{};
    const ssize_t size = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (size <= 0) return false;
    buffer_.append(chunk.data(), static_cast<std::size_t>(size));
    return true;
}

std::string Connection::read_some(Clock::duration limit) {
    if (buffer_.empty()) (void)fill(Clock::now() + limit);
    return std::exchange(buffer_, {});
}

std::string Connection::read_to_end(Clock::duration limit) {
    const auto deadline = Clock::now() + limit;
    while (fill(deadline)) {
    }
    return std::exchange(buffer_, {});
}

bool Connection::closed_by_peer(Clock::duration limit) {
    const auto deadline = Clock::now() + limit;
    while (fill(deadline)) {
    }
    return Clock::now() < deadline;
}

bool Connection::hung_up() const {
    pollfd seen{.fd = fd_, .events = 0, .revents = 0};
    return ::poll(&seen, 1, 0) == 1 && (seen.revents & POLLHUP) != 0;
}

void Connection::request(std::string_view method, std::string_view target, std::string_view body) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: dpsup\r\n";
    if (!body.empty() || method == "POST")
        text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    (void)write(text + "\r\n" + std::string(body));
}

Reply Connection::read_reply(Clock::duration limit) {
    const auto deadline = Clock::now() + limit;
    Reply reply;
    while (buffer_.find("\r\n\r\n") == std::string::npos)
        if (!fill(deadline)) return reply;
    const auto body_at = buffer_.find("\r\n\r\n") + 4;
    reply.head = buffer_.substr(0, body_at);
    const std::size_t length = content_length(reply.head);
    while (buffer_.size() < body_at + length)
        if (!fill(deadline)) return reply;
    reply.status = std::atoi(reply.head.c_str() + reply.head.find(' '));
    reply.body = buffer_.substr(body_at, length);
    buffer_.erase(0, body_at + length);
    return reply;
}

// Moves one chunk from buffer_ to text_.
bool Connection::unchunk(Clock::time_point deadline) {
    while (buffer_.find("\r\n") == std::string::npos)
        if (!fill(deadline)) return false;
    const std::size_t size = std::strtoul(buffer_.c_str(), nullptr, 16);
    const std::size_t begin = buffer_.find("\r\n") + 2;
    while (buffer_.size() < begin + size + 2)
        if (!fill(deadline)) return false;
    text_ += buffer_.substr(begin, size);
    buffer_.erase(0, begin + size + 2);
    return size > 0;
}

std::optional<std::string> Connection::read_line(Clock::time_point deadline) {
    while (!head_read_) {
        if (const auto end = buffer_.find("\r\n\r\n"); end != std::string::npos) {
            buffer_.erase(0, end + 4);
            head_read_ = true;
        } else if (!fill(deadline)) {
            return std::nullopt;
        }
    }
    while (text_.find('\n') == std::string::npos)
        if (!unchunk(deadline)) return std::nullopt;
    const auto end = text_.find('\n');
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
}

Reply http(const std::string& socket_path, std::string_view method, std::string_view target,
           std::string_view body, Clock::duration limit) {
    Connection connection(socket_path);
    connection.request(method, target, body);
    return connection.read_reply(limit);
}

Events::Events(const std::string& socket_path) : connection_(socket_path) {
    connection_.request("GET", "/v1/events");
}

Json Events::next(Clock::time_point deadline) {
    const auto line = connection_.read_line(deadline);
    const Json event = line ? Json::parse(*line) : Json{};
    if (event["type"].text() == "snapshot") {
        for (const Json& service : event["services"].items())
            services_[service["name"].text()] = {service["state"].text(), service["reason"].text()};
        last_ = event["last"].number();
    } else if (event["type"].text() == "change") {
        services_[event["service"].text()] = {event["to"].text(), event["reason"].text()};
        last_ = event["number"].number();
    }
    return event;
}

}  // namespace dpsup::test
