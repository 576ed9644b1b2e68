// An exchange that remembers what it was answered, in place of a connection.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api.hpp"
#include "support/fake_backend.hpp"

namespace dpsup::test {

class RecordingStream final : public http::Stream {
public:
    bool write(std::string_view text) override {
        if (over) return false;
        lines.emplace_back(text);
        return true;
    }
    std::vector<std::string> lines;
    bool over = false;
};

class RecordingExchange final : public http::Exchange {
public:
    void reply(http::Reply given) override {
        EXPECT_FALSE(answer) << "answered twice";
        answer = std::move(given);
    }
    std::weak_ptr<http::Stream> stream(std::string_view type, std::string first, std::string beat) override {
        stream_type = type;
        heartbeat = std::move(beat);
        open = std::make_shared<RecordingStream>();
        open->lines.push_back(std::move(first));
        return open;
    }
    [[nodiscard]] std::weak_ptr<void> alive() const override { return asker; }

    std::optional<http::Reply> answer;
    std::shared_ptr<RecordingStream> open;
    std::string stream_type;
    std::string heartbeat;
    std::shared_ptr<void> asker = std::make_shared<int>();
};

// The API over a fake backend; group 100 operates, group 200 views.
class ApiFixture {
public:
    static constexpr uid_t daemon_uid = 990;

    ApiFixture() : api(backend, roles(), "1.2.3") {}

    static control::Roles roles() {
        return {config::Control{.operators = "ops", .viewers = {"watchers"}}, daemon_uid,
                [](const std::string& group) -> std::optional<gid_t> {
                    if (group == "ops") return 100;
                    if (group == "watchers") return 200;
                    return std::nullopt;
                }};
    }

    std::shared_ptr<RecordingExchange> ask(std::string method, std::string target, std::string body = {},
                                           http::Peer peer = root()) {
        auto exchange = std::make_shared<RecordingExchange>();
        api.handle({std::move(method), std::move(target), std::move(body), std::move(peer)}, exchange);
        return exchange;
    }

    // The reply, which must have come at once, as JSON.
    boost::json::object reply(const std::string& method, const std::string& target,
                              const std::string& body = {}, http::Peer peer = root()) {
        const auto exchange = ask(method, target, body, std::move(peer));
        if (!exchange->answer) {
            ADD_FAILURE() << method << " " << target << " was not answered";
            return {};
        }
        status = exchange->answer->status;
        return boost::json::parse(exchange->answer->body).as_object();
    }

    // The error's code, message and hint of a request that must fail.
    boost::json::object error(const std::string& method, const std::string& target,
                              const std::string& body = {}, http::Peer peer = root()) {
        auto answer = reply(method, target, body, std::move(peer));
        if (!answer.contains("error")) {
            ADD_FAILURE() << method << " " << target << " did not fail";
            return {};
        }
        return answer["error"].as_object();
    }

    static http::Peer root() { return {.pid = 1, .uid = 0, .gid = 0, .groups = {}}; }
    static http::Peer member_of(gid_t group) {
        return {.pid = 1, .uid = 4711, .gid = 4711, .groups = {50, group}};
    }

    FakeBackend backend;
    control::Api api;
    unsigned status = 0;
};

}  // namespace dpsup::test
