// HTTP over the daemon's Unix socket by hand, byte for byte: tests of a server must be able to misbehave.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "json.hpp"
#include "wait.hpp"

namespace dpsup::test {

struct Reply {
    int status = 0;  // 0: the connection ended without a reply
    std::string head;
    std::string body;

    [[nodiscard]] Json json() const { return Json::parse(body); }
};

// One connection. Reads and writes have deadlines; nothing throws.
class Connection {
public:
    explicit Connection(const std::string& socket_path);
    ~Connection();
    Connection(Connection&& other) noexcept;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Connection& operator=(Connection&&) = delete;

    [[nodiscard]] bool connected() const { return fd_ >= 0; }
    // False where the peer closed, or took nothing more until the deadline.
    bool write(std::string_view bytes, Clock::duration limit = patience);
    // Whatever has come, once something has; empty at the end or the deadline.
    [[nodiscard]] std::string read_some(Clock::duration limit = patience);
    [[nodiscard]] std::string read_to_end(Clock::duration limit = patience);
    // Whether the peer closed within the time.
    [[nodiscard]] bool closed_by_peer(Clock::duration limit = patience);
    // Whether the peer has closed; reads nothing.
    [[nodiscard]] bool hung_up() const;
    void request(std::string_view method, std::string_view target, std::string_view body = {});
    [[nodiscard]] Reply read_reply(Clock::duration limit = patience);
    // The next line of an endless, chunked reply; nothing at its end or the deadline.
    [[nodiscard]] std::optional<std::string> read_line(Clock::time_point deadline);

private:
    bool fill(Clock::time_point deadline);
    bool unchunk(Clock::time_point deadline);

    int fd_ = -1;
    std::string buffer_;  // as it came
    std::string text_;    // of a chunked reply, without the chunks' frames
    bool head_read_ = false;
};

// One request on a connection of its own.
[[nodiscard]] Reply http(const std::string& socket_path, std::string_view method, std::string_view target,
                         std::string_view body = {}, Clock::duration limit = patience);

// The stream /v1/events: follows every service from the snapshot on.
class Events {
public:
    explicit Events(const std::string& socket_path);

    struct Seen {
        std::string state;
        std::string reason;
    };

    // Takes the next line in (heartbeats too); absent at the end or the deadline.
    [[nodiscard]] Json next(Clock::time_point deadline);
    [[nodiscard]] const std::map<std::string, Seen>& services() const { return services_; }
    // The number of the last decision that is known.
    [[nodiscard]] std::int64_t last() const { return last_; }

private:
    Connection connection_;
    std::map<std::string, Seen> services_;
    std::int64_t last_ = 0;
};

}  // namespace dpsup::test
