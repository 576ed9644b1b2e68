#include "support/raw_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dpsup::test {

RawClient::RawClient(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), closed_(other.closed_) {}

RawClient::~RawClient() {
    if (fd_ >= 0) ::close(fd_);
}

bool RawClient::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void RawClient::half_close() const {
    ::shutdown(fd_, SHUT_WR);
}

std::string RawClient::read(std::string_view until, std::chrono::milliseconds limit, bool& closed) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::string text;
    std::array<char, 65536> buffer;
    while (until.empty() || text.find(until) == std::string::npos) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waiting{fd_, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return text;
        const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
            closed = true;
            return text;
        }
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::string RawClient::read_until(std::string_view text, std::chrono::milliseconds limit) const {
    bool ignored = false;
    return read(text, limit, ignored);
}

std::string RawClient::read_all(std::chrono::milliseconds limit) {
    return read({}, limit, closed_);
}

bool RawClient::closes_within(std::chrono::milliseconds limit) {
    closed_ = false;
    read_all(limit);
    return closed_;
}

}  // namespace dpsup::test
