// A client of the services themselves, over TCP.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "wait.hpp"

namespace dpsup::test {

// 0, or the errno of a connect.
[[nodiscard]] int connect_error(const std::string& host, std::uint16_t port);

// Asks for "/" and reads to the end; empty where that fails.
[[nodiscard]] std::string get(const std::string& host, std::uint16_t port, Clock::duration limit = patience);

// A port of that address that was free a moment ago.
[[nodiscard]] std::uint16_t free_port(const std::string& host);

// Sends so many HTTP requests a second, each on a connection of its own and whether or not earlier ones have been
// answered (but for 500 that wait), until it is told to stop; counts what became of them.
class Load {
public:
    Load(std::string host, std::uint16_t port, int per_second);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // Sends no more, and waits for the answers to what it has sent.
    void stop();

    [[nodiscard]] long answered() const { return answered_; }
    [[nodiscard]] long refused() const { return refused_; }
    // Connected, and then no whole answer: a reset, an early end, or none within the patience.
    [[nodiscard]] long failed() const { return failed_; }
    [[nodiscard]] long waiting_max() const { return waiting_max_; }
    // Were due, and not sent since so many waited.
    [[nodiscard]] long left_out() const { return left_out_; }

private:
    struct Request;
    void run();
    void count(const Request& request);

    std::string host_;
    std::uint16_t port_;
    Clock::duration every_;
    std::atomic<bool> stopping_ = false;
    std::atomic<long> answered_ = 0;
    std::atomic<long> refused_ = 0;
    std::atomic<long> failed_ = 0;
    std::atomic<long> waiting_max_ = 0;
    std::atomic<long> left_out_ = 0;
    std::thread thread_;
};

}  // namespace dpsup::test
