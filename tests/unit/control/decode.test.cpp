#include "control/decode.hpp"

#include <gtest/gtest.h>

namespace dpsup::control {
namespace {

using namespace std::chrono_literals;
using core::Verb;

TEST(CommandBody, MayBeEmpty) {
    const auto request = decode_command(Verb::start, "web", "");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->services, std::vector<std::string>{"web"});
    EXPECT_FALSE(request->wait);
    EXPECT_FALSE(request->cascade);
    EXPECT_FALSE(request->wait_timeout);
}

TEST(CommandBody, CarriesEveryField) {
    const auto stop = decode_command(
        Verb::stop, "web", R"({"cascade": true, "wait": true, "timeout": "1m30s", "stop_timeout": "5s"})");
    ASSERT_TRUE(stop) << stop.error().message;
    EXPECT_TRUE(stop->cascade);
    EXPECT_TRUE(stop->wait);
    EXPECT_EQ(stop->wait_timeout, Duration(90s));
    EXPECT_EQ(stop->stop_timeout, Duration(5s));
    const auto kill =
        decode_command(Verb::kill, "web", R"({"signal": "sigusr1", "wait": true, "wait_timeout_ms": 250})");
    ASSERT_TRUE(kill) << kill.error().message;
    EXPECT_EQ(kill->signal, 10);
    EXPECT_EQ(kill->wait_timeout, Duration(250ms));
    EXPECT_EQ(decode_command(Verb::kill, "web", R"({"signal": 15})")->signal, 15);
}

TEST(CommandBody, NamesTheNearestFieldForAnUnknownOne) {
    const auto request = decode_command(Verb::stop, "web", R"({"stop_timout": "5s"})");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, "unknown_field");
    EXPECT_NE(request.error().message.find("\"stop_timout\""), std::string::npos);
    EXPECT_EQ(request.error().hint, "did you mean \"stop_timeout\"?");
}

TEST(CommandBody, RefusesWhatBelongsToAnotherVerb) {
    EXPECT_EQ(decode_command(Verb::start, "web", R"({"signal": 9})").error().code, "unknown_field");
    EXPECT_EQ(decode_command(Verb::kill, "web", R"({"cascade": true})").error().code, "unknown_field");
    EXPECT_EQ(decode_command(Verb::reload, "web", R"({"stop_timeout": "1s"})").error().code, "unknown_field");
}

TEST(CommandBody, RefusesWrongTypesAndValues) {
    for (const auto* body :
         {R"({"wait": 1})", R"({"wait": true, "timeout": 30})", R"({"wait": true, "timeout": "30"})",
          R"({"wait": true, "wait_timeout_ms": -1})", R"({"wait": true, "wait_timeout_ms": 1.5})",
          R"({"wait": true, "wait_timeout_ms": 9000000000000})", R"({"cascade": null})", "[]", "1", "{",
          "null", R"({"wait": true} {})"}) {
        const auto request = decode_command(Verb::stop, "web", body);
        ASSERT_FALSE(request) << body;
        EXPECT_EQ(request.error().code, "invalid_request") << body;
    }
    for (const auto* body :
         {R"({"signal": 0})", R"({"signal": 1000})", R"({"signal": "NOPE"})", R"({"signal": true})"})
        EXPECT_FALSE(decode_command(Verb::kill, "web", body)) << body;
}

TEST(CommandBody, RefusesATimeOutThatNothingWaitsFor) {
    EXPECT_EQ(decode_command(Verb::stop, "web", R"({"timeout": "5s"})").error().code, "invalid_request");
    EXPECT_FALSE(
        decode_command(Verb::stop, "web", R"({"wait": true, "timeout": "5s", "wait_timeout_ms": 5000})"));
}

TEST(CommandBody, DoesNotFollowDeepNesting) {
    EXPECT_FALSE(decode_command(Verb::stop, "web", std::string(60000, '[')));
}

TEST(ActionBody, NamesServicesOnceOrAll) {
    const auto some =
        decode_action(R"({"action": "restart", "services": ["a", "b", "a"], "stop_timeout": "1s"})");
    ASSERT_TRUE(some) << some.error().message;
    EXPECT_EQ(some->verb, Verb::restart);
    EXPECT_EQ(some->services, (std::vector<std::string>{"a", "b"}));
    const auto all = decode_action(R"({"all": true, "action": "stop"})");
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->all);
}

TEST(ActionBody, RefusesBothOrNeither) {
    for (const auto* body :
         {R"({"action": "stop"})", R"({"action": "stop", "all": false})",
          R"({"action": "stop", "all": true, "services": ["a"]})", R"({"action": "stop", "services": []})",
          R"({"action": "stop", "services": [1]})", R"({"action": "stop", "services": "a"})",
          R"({"services": ["a"]})", R"({"action": 1, "services": ["a"]})"})
        EXPECT_EQ(decode_action(body).error().code, "invalid_request") << body;
}

TEST(ActionBody, NamesTheNearestAction) {
    EXPECT_EQ(decode_action(R"({"action": "restrat", "all": true})").error().hint,
              "did you mean \"restart\"?");
}

TEST(Query, TakesKnownParametersOnly) {
    EXPECT_EQ(*decode_names(*parse_target("/v1/status?name=a&name=b&name=a")),
              (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(decode_names(*parse_target("/v1/status?nmae=a")).error().code, "unknown_field");
    EXPECT_EQ(*decode_limit(*parse_target("/v1/decisions")), decisions_default);
    EXPECT_EQ(*decode_limit(*parse_target("/v1/decisions?limit=7")), 7U);
    for (const auto* value : {"0", "-1", "1001", "x", "", "1x", "99999999999999999999"})
        EXPECT_FALSE(decode_limit(*parse_target(std::string("/v1/decisions?limit=") + value))) << value;
    EXPECT_FALSE(check_no_query(*parse_target("/v1/plan?x=1")));
    EXPECT_FALSE(check_no_body(R"({"x": 1})"));
    EXPECT_TRUE(check_no_body("{}"));
}

}  // namespace
}  // namespace dpsup::control
