// What the tests of the server share: a handler that answers with what it was asked, and a server that runs it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/http/server.hpp"
#include "support/raw_client.hpp"
#include "support/running_server.hpp"

namespace dpsup::io::http {

using namespace std::chrono_literals;
using dpsup::http::Exchange;
using dpsup::http::Request;
using test::RawClient;
using test::RunningServer;
using testing::HasSubstr;
using testing::StartsWith;

// Answers with what it was asked, except on /hold (kept), /drop (never answered), /big and /stream.
class Echo final : public dpsup::http::Handler {
public:
    void handle(Request request, std::shared_ptr<Exchange> exchange) override {
        peer = request.peer;
        if (request.target == "/hold") {
            held.push_back(std::move(exchange));
        } else if (request.target == "/stream") {
            stream = exchange->stream("application/x-ndjson", "first\n", "beat\n");
        } else if (request.target != "/drop") {
            dpsup::http::Reply reply;
            reply.body = request.target == "/big"
                             ? std::string(8 << 20, 'x')
                             : request.method + " " + request.target + " " + request.body;
            exchange->reply(std::move(reply));
        }
    }

    dpsup::http::Peer peer;
    std::vector<std::shared_ptr<Exchange>> held;
    std::weak_ptr<dpsup::http::Stream> stream;
};

class HttpServer : public testing::Test {
protected:
    RunningServer& start(const Limits& limits = {}) {
        server = std::make_unique<RunningServer>(echo, limits);
        return *server;
    }
    [[nodiscard]] RawClient client() const { return RawClient(server->path()); }

    // Whether the server answers somebody else at once.
    void expect_answers() const {
        const auto other = client();
        ASSERT_TRUE(other.connected());
        const auto began = std::chrono::steady_clock::now();
        other.send("GET /other HTTP/1.1\r\n\r\n");
        EXPECT_THAT(other.read_until("GET /other", 2s), HasSubstr("200 OK"));
        EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
    }

    bool write_to_stream(const std::string& text) {
        return server->on_loop([&] {
            const auto stream = echo.stream.lock();
            return stream && stream->write(text);
        });
    }

    Echo echo;
    std::unique_ptr<RunningServer> server;
};

}  // namespace dpsup::io::http
