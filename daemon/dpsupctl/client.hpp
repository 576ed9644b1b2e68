// The conversation with dpsupd over its Unix socket: one request, then its reply or its stream. Blocking,
// since a command line tool has nothing else to do; every wait has a limit unless the caller asks for none.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "dpsupctl/reply_parser.hpp"

namespace dpsup::ctl {

struct Answer {
    unsigned status = 0;
    std::string body;
};

struct Patience {
    Duration request = std::chrono::seconds(10);  // until the daemon takes the connection, and the request
    Duration stream = std::chrono::minutes(1);    // silence of a stream; its heartbeats come far more often
};

// Codes of its errors: not_running (nothing answers), not_allowed (the socket may not be opened), no_answer.
class Client {
public:
    explicit Client(std::string socket, Patience patience = {})
        : path_(std::move(socket)), patience_(patience) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // Sends a request on a connection of its own and reads the whole answer. No patience: waits for ever.
    [[nodiscard]] Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body,
                                     std::optional<Duration> patience);

    // Opens a stream. A refusal comes back as its answer; on a stream the answer's body is empty.
    [[nodiscard]] Result<Answer> open_stream(std::string_view target);

    // The stream's next line, without its end; nothing where none came in time. A daemon that has been silent for too
    // long is an error.
    [[nodiscard]] Result<std::optional<std::string>> next_line(Duration patience);

private:
    [[nodiscard]] Result<void> send_request(std::string_view method, std::string_view target,
                                            std::string_view body, bool close_after);
    [[nodiscard]] Result<void> open();
    // Reads once. False: nothing came in time.
    [[nodiscard]] Result<bool> read_some(std::optional<Duration> patience);
    [[nodiscard]] Result<Answer> read_answer(std::optional<Duration> patience);

    std::string path_;
    Patience patience_;
    std::chrono::steady_clock::time_point heard_;  // from a stream
    int fd_ = -1;
    ReplyParser parser_;
    std::string lines_;  // of a stream: read, not yet handed out
};

}  // namespace dpsup::ctl
