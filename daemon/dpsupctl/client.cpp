#include "dpsupctl/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/units.hpp"

namespace dpsup::ctl {
namespace {

tl::unexpected<Error> cannot_connect(const std::string& path, int error) {
    const std::string reason = std::strerror(error);
    if (error == EACCES || error == EPERM)
        return fail("not_allowed", "may not open the control socket " + path + ": " + reason, "use sudo");
    if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
        return fail(
            "not_running", "dpsupd is not running: nothing answers on " + path + " (" + reason + ")",
            "start it with: systemctl start dpsupd; for one that listens elsewhere use --socket PATH");
    return fail("not_running", "cannot connect to dpsupd on " + path + ": " + reason,
                "see whether it is well: systemctl status dpsupd");
}

// How a call ends where SO_SNDTIMEO is over.
bool timed_out(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

tl::unexpected<Error> not_taken(const std::string& path, Duration waited) {
    return fail("no_answer",
                "dpsupd takes no request on " + path + " within " + format_duration_rounded(waited),
                "see whether it hangs: systemctl status dpsupd");
}

tl::unexpected<Error> broken_off(const std::string& path) {
    return fail("no_answer", "dpsupd closed the connection on " + path + " before its answer was whole",
                "see whether it ended: systemctl status dpsupd");
}

tl::unexpected<Error> no_answer(const std::string& path, Duration waited) {
    return fail("no_answer",
                "dpsupd took the request on " + path + " but gave no answer within " +
                    format_duration_rounded(waited),
                "see whether it hangs: systemctl status dpsupd");
}

// Of connect, which waits while the daemon's queue of connections is full, and of send.
void limit_sending(int fd, Duration limit) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
    const timeval time{.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

int poll_timeout(std::optional<Duration> patience) {
    if (!patience) return -1;
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*patience).count();
    return milliseconds > INT_MAX ? INT_MAX : static_cast<int>(milliseconds);
}

}  // namespace

Client::~Client() {
    if (fd_ >= 0) ::close(fd_);
}

Result<void> Client::open() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    parser_ = ReplyParser();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.empty())
        return fail("usage", "the path of the control socket is empty",
                    "give one with --socket, or leave it out for the usual one");
    if (path_.size() >= sizeof address.sun_path)
        return fail("not_running", "no socket can have this path: " + path_,
                    "give a shorter one with --socket");
    std::memcpy(address.sun_path, path_.data(), path_.size());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return cannot_connect(path_, errno);
    limit_sending(fd_, patience_.request);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return timed_out(errno) ? not_taken(path_, patience_.request) : cannot_connect(path_, errno);
    return {};
}

Result<void> Client::send_request(std::string_view method, std::string_view target, std::string_view body,
                                  bool close_after) {
    if (auto opened = open(); !opened) return opened;
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: dpsup\r\n");
    if (close_after) text.append("Connection: close\r\n");
    if (!body.empty())
        text.append("Content-Type: application/json\r\nContent-Length: ")
            .append(std::to_string(body.size()))
            .append("\r\n");
    text.append("\r\n").append(body);
    std::string_view left = text;
    while (!left.empty()) {
        const auto sent = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && timed_out(errno)) return not_taken(path_, patience_.request);
        if (sent < 0) return {};  // refused midway, as an oversized one is: the answer says why
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

Result<bool> Client::read_some(std::optional<Duration> patience) {
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, poll_timeout(patience));
    if (ready == 0) return false;
    if (ready < 0) return errno == EINTR ? Result<bool>(true) : Result<bool>(broken_off(path_));
    std::array<char, std::size_t{64} * 1024> buffer;
    const auto size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0) return errno == EINTR ? Result<bool>(true) : Result<bool>(broken_off(path_));
    heard_ = std::chrono::steady_clock::now();
    if (size == 0 && !parser_.end()) return broken_off(path_);
    if (size > 0 && !parser_.feed({buffer.data(), static_cast<std::size_t>(size)}))
        return fail("no_answer", "what answers on " + path_ + " does not speak dpsup's protocol",
                    "see what it is: ss -xlp");
    return true;
}

Result<Answer> Client::read_answer(std::optional<Duration> patience) {
    while (!parser_.done()) {
        auto read = read_some(patience);
        if (!read) return tl::unexpected<Error>(std::move(read.error()));
        if (!*read) return no_answer(path_, *patience);
    }
    return Answer{parser_.status(), parser_.take_body()};
}

Result<Answer> Client::ask(std::string_view method, std::string_view target, std::string_view body,
                           std::optional<Duration> patience) {
    if (auto sent = send_request(method, target, body, true); !sent)
        return tl::unexpected<Error>(std::move(sent.error()));
    return read_answer(patience);
}

Result<Answer> Client::open_stream(std::string_view target) {
    constexpr Duration patience = std::chrono::seconds(30);
    if (auto sent = send_request("GET", target, {}, false); !sent)
        return tl::unexpected<Error>(std::move(sent.error()));
    lines_.clear();
    while (!parser_.head_done()) {
        auto read = read_some(patience);
        if (!read) return tl::unexpected<Error>(std::move(read.error()));
        if (!*read) return no_answer(path_, patience);
    }
    if (parser_.status() != 200) return read_answer(patience);
    return Answer{200, {}};
}

Result<std::optional<std::string>> Client::next_line(Duration patience) {
    const auto deadline = std::min(std::chrono::steady_clock::now() + patience, heard_ + patience_.stream);
    for (;;) {
        lines_ += parser_.take_body();
        if (const auto end = lines_.find('\n'); end != std::string::npos) {
            std::string line = lines_.substr(0, end);
            lines_.erase(0, end + 1);
            return line;
        }
        if (parser_.done()) return broken_off(path_);
        const auto now = std::chrono::steady_clock::now();
        auto read = now < deadline ? read_some(deadline - now) : Result<bool>(false);
        if (!read) return tl::unexpected<Error>(std::move(read.error()));
        if (*read) continue;
        if (std::chrono::steady_clock::now() - heard_ < patience_.stream) return std::nullopt;
        return fail(
            "no_answer",
            "dpsupd has been silent on " + path_ + " for " + format_duration_rounded(patience_.stream),
            "see whether it hangs: systemctl status dpsupd");
    }
}

}  // namespace dpsup::ctl
