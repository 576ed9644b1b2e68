// A Unix socket client that sends any bytes and reads what comes, with a limit to every wait.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace dpsup::test {

class RawClient {
public:
    explicit RawClient(const std::string& path);
    RawClient(RawClient&& other) noexcept;
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    ~RawClient();

    [[nodiscard]] bool connected() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }

    // False where the peer has closed.
    bool send(std::string_view bytes) const;
    void half_close() const;

    // Reads until `text` was seen, the peer closes, or the time is over. Returns all that was read in this
    // call.
    std::string read_until(std::string_view text,
                           std::chrono::milliseconds limit = std::chrono::seconds(5)) const;
    // Reads until the peer closes.
    std::string read_all(std::chrono::milliseconds limit = std::chrono::seconds(5));
    // Whether the last read_all ended since the peer closed.
    [[nodiscard]] bool closed() const { return closed_; }
    // Whether the peer closes within the time, whatever else it sends.
    bool closes_within(std::chrono::milliseconds limit);

private:
    std::string read(std::string_view until, std::chrono::milliseconds limit, bool& closed) const;

    int fd_ = -1;
    bool closed_ = false;
};

}  // namespace dpsup::test
