#include <gmock/gmock.h>

#include "support/exchange.hpp"

namespace dpsup::control {
namespace {

using test::ApiFixture;

class Events : public testing::Test, public ApiFixture {};

boost::json::object parsed(const std::string& line) {
    EXPECT_TRUE(line.ends_with('\n'));
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    return boost::json::parse(line).as_object();
}

TEST_F(Events, BeginWithASnapshotAndGoOnWithoutGapOrOverlap) {
    backend.add("web");
    backend.decide("web", core::State::starting, "launched");
    const auto exchange = ask("GET", "/v1/events");
    EXPECT_EQ(exchange->stream_type, "application/x-ndjson");
    EXPECT_EQ(exchange->heartbeat, "{\"type\":\"heartbeat\"}\n");
    backend.decide("web", core::State::ready, "probe passed");

    ASSERT_EQ(exchange->open->lines.size(), 2U);
    const auto snapshot = parsed(exchange->open->lines[0]);
    EXPECT_EQ(snapshot.at("type").as_string(), "snapshot");
    EXPECT_EQ(snapshot.at("last").as_int64(), 1);
    EXPECT_EQ(snapshot.at("services").at(0).at("state").as_string(), "starting");
    const auto change = parsed(exchange->open->lines[1]);
    EXPECT_EQ(change.at("number").as_int64(), 2);
    EXPECT_EQ(change.at("from").as_string(), "starting");
    EXPECT_EQ(change.at("to").as_string(), "ready");
    EXPECT_EQ(change.at("status").at("state").as_string(), "ready");
}

TEST_F(Events, ReachEveryStreamOnceAndLeaveOutThoseThatAreOver) {
    backend.add("web");
    const auto first = ask("GET", "/v1/events");
    const auto second = ask("GET", "/v1/events");
    const auto gone = ask("GET", "/v1/events");
    gone->open.reset();
    second->open->over = true;
    backend.decide("web", core::State::stopped, "stopped");
    EXPECT_EQ(first->open->lines.size(), 2U);
    EXPECT_EQ(second->open->lines.size(), 1U);
}

TEST_F(Events, TellOfAServiceThatIsGoneWithoutItsStatus) {
    backend.add("web");
    const auto exchange = ask("GET", "/v1/events");
    backend.remove("web");
    backend.decide("web", core::State::stopped, "removed from the configuration");
    EXPECT_FALSE(parsed(exchange->open->lines.at(1)).contains("status"));
}

}  // namespace
}  // namespace dpsup::control
