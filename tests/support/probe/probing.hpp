// What the tests of probes share: a loop with a runner on it, and servers that misbehave on demand, on the
// same loop.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/probe/runner.hpp"

namespace dpsup::io {

using core::ProbeOutcome;
using testing::HasSubstr;
using namespace std::chrono_literals;

struct Answered {
    ServiceId service;
    Generation generation;
    core::Probed probed;
    std::chrono::steady_clock::time_point at;
};

class Probing : public testing::Test {
protected:
    explicit Probing(ProbeLimits limits = {});

    // Starts one probe of service `service`.
    void begin(const config::ProbeTarget& target, Duration timeout = 2s, std::uint32_t service = 1,
               const OutputPlace& output = {});
    // Runs the loop until `count` answers have come in all; a failure after 20 s.
    void wait_for(std::size_t count);
    // begin() and wait_for() one answer.
    core::Probed ask(const config::ProbeTarget& target, Duration timeout = 2s);

    boost::asio::io_context loop;
    std::vector<Answered> answers;
    std::vector<ExecRequest> commands;  // that were asked for
    ExecRunner launcher;                // what a test puts here runs them
    std::unique_ptr<ProbeRunner> runner;
    std::uint64_t sequence = 0;
};

// Expects an outcome, and shows the detail where it is another one.
testing::AssertionResult is(const core::Probed& probed, ProbeOutcome outcome);

// Listens, takes each connection's first bytes, and writes a fixed answer.
class Server {
public:
    struct Behaviour {
        std::string answer = {};
        bool answers = true;            // false: it takes connections and is silent
        bool waits_for_request = true;  // before it answers
        bool closes = true;             // after its answer
        bool repeats = false;           // the answer, for ever
        std::chrono::milliseconds delay{0};
    };

    // On a free port of 127.0.0.1, or on a Unix socket.
    Server(boost::asio::io_context& loop, Behaviour behaviour, const std::string& unix_path = "");

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string url(const std::string& path = "/") const;
    [[nodiscard]] const std::string& request() const { return state_->request; }  // all that was received
    [[nodiscard]] int connections() const { return state_->connections; }

private:
    using Protocol = boost::asio::generic::stream_protocol;
    struct State {
        Behaviour behaviour;
        std::string request;
        int connections = 0;
    };
    class Connection;
    void accept();

    boost::asio::io_context& loop_;
    std::shared_ptr<State> state_;
    boost::asio::basic_socket_acceptor<Protocol> acceptor_;
    std::uint16_t port_ = 0;
};

// "HTTP/1.1 <status>" with a body.
std::string http_answer(const std::string& status, const std::string& body, const std::string& headers = "");

// A directory that goes with the test.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace dpsup::io
