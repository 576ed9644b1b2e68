#include "control/openapi.hpp"

#include <gmock/gmock.h>

#include <boost/json/serialize.hpp>
#include <set>

#include "support/exchange.hpp"
#include "support/schema.hpp"

namespace dpsup::control {
namespace {

namespace json = boost::json;
using test::ApiFixture;
using testing::IsEmpty;

class OpenApi : public testing::Test, public ApiFixture {
protected:
    json::object document = json::parse(openapi_document()).as_object();
    test::Schema schema{document};

    void expect_fits(const std::string& name, std::string_view text) const {
        EXPECT_THAT(schema.problems(name, json::parse(text)), IsEmpty()) << text;
    }

    // The schema that a route's 200 names.
    std::string schema_of(const Route& route) const {
        const auto& operation = operation_of(route);
        const auto& content = operation.at("responses").at("200").at("content").as_object();
        const auto& found = content.begin()->value().at("schema").as_object();
        if (!found.contains("$ref")) return {};
        const std::string reference(found.at("$ref").as_string());
        return reference.substr(reference.rfind('/') + 1);
    }

    const json::object& operation_of(const Route& route) const {
        std::string method(route.method);
        for (char& c : method) c = static_cast<char>(std::tolower(c));
        return document.at("paths").as_object().at(route.path).as_object().at(method).as_object();
    }
};

TEST_F(OpenApi, DescribesEveryRouteAndNothingElse) {
    std::set<std::string> described;
    for (const auto& path : document.at("paths").as_object())
        for (const auto& operation : path.value().as_object()) {
            std::string method(operation.key());
            for (char& c : method) c = static_cast<char>(std::toupper(c));
            described.insert(method + " " + std::string(path.key()));
        }
    std::set<std::string> routed;
    for (const Route& route : routes())
        routed.insert(std::string(route.method) + " " + std::string(route.path));
    EXPECT_EQ(described, routed);
}

TEST_F(OpenApi, AgreesWithTheTableOnSummariesAndRoles) {
    for (const Route& route : routes()) {
        const auto& operation = operation_of(route);
        EXPECT_EQ(operation.at("summary").as_string(), route.summary);
        EXPECT_EQ(operation.at("x-role").as_string(), to_string(route.role)) << route.path;
    }
}

TEST_F(OpenApi, HoldsNoDanglingReference) {
    const std::string text(openapi_document());
    for (std::size_t at = 0; (at = text.find("\"#/", at)) != std::string::npos; ++at) {
        const std::string pointer = text.substr(at + 2, text.find('"', at + 1) - at - 2);
        boost::system::error_code error;
        EXPECT_NE(json::value(document).find_pointer(pointer, error), nullptr) << pointer;
    }
}

TEST_F(OpenApi, FitsTheRepliesOfEveryRoute) {
    backend.add("web");
    backend.decide("web", core::State::ready, "probe passed");
    backend.plan_reply =
        PlanReply{.operations = {{"web", "restart", {"command changed"}}}, .warnings = {"careful"}};
    backend.log = {"file", "/var/log/dpsup/web.log", ""};
    std::size_t checked = 0;
    for (const Route& route : routes()) {
        if (schema_of(route).empty()) continue;
        std::string target(route.path);
        if (const auto place = target.find("{name}"); place != std::string::npos)
            target.replace(place, 6, "web");
        const std::string body = route.path == "/v1/actions" ? R"({"action": "start", "all": true})" : "";
        const auto exchange = ask(std::string(route.method), target, body);
        if (exchange->answer) {
            EXPECT_EQ(exchange->answer->status, 200U) << target;
            expect_fits(schema_of(route), exchange->answer->body);
            ++checked;
        }
    }
    EXPECT_EQ(checked, routes().size() - 2);  // without the event stream, and this document
}

TEST_F(OpenApi, FitsTheEventStream) {
    backend.add("web");
    const auto exchange = ask("GET", "/v1/events");
    backend.decide("web", core::State::failed, "exited with code 1");
    backend.remove("web");
    backend.decide("web", core::State::stopped, "removed");
    for (const auto& line : exchange->open->lines) expect_fits("Event", line);
    expect_fits("Event", exchange->heartbeat);
}

TEST_F(OpenApi, FitsErrors) {
    backend.add("web");
    const auto body = [](const auto& exchange) { return exchange->answer->body; };
    expect_fits("ErrorReply", body(ask("GET", "/v1/nothing")));
    expect_fits("ErrorReply", body(ask("DELETE", "/v1/status")));
    backend.command_reply =
        CommandReply{.services = {{"web", false, core::State::failed, "no"}}, .timed_out = true};
    expect_fits("ErrorReply", body(ask("POST", "/v1/services/web/start", R"({"wait": true})")));
}

// The check above is only worth something if it can fail.
TEST_F(OpenApi, IsCheckedForMissingWrongAndUnknownMembers) {
    EXPECT_THAT(
        schema.problems("Version", json::parse(R"({"name": "x", "version": 1, "pid": 1, "extra": 0})")),
        testing::UnorderedElementsAre("Version: lacks api", "Version: lacks run",
                                      "Version.version: wants string",
                                      "Version.extra: is not in the document"));
    EXPECT_THAT(schema.problems("State", json::parse(R"("dancing")")), testing::SizeIs(1));
}

TEST_F(OpenApi, KnowsTheFieldsThatTheDecoderKnows) {
    backend.add("web");
    const json::object samples{{"cascade", true},      {"wait", true},         {"timeout", "5s"},
                               {"wait_timeout_ms", 5}, {"stop_timeout", "5s"}, {"signal", "HUP"}};
    for (const auto* verb : {"start", "stop", "restart", "kill", "reload"}) {
        std::string name = std::string(verb) + "Request";
        name[0] = static_cast<char>(std::toupper(name[0]));
        const auto& properties =
            document.at("components").at("schemas").as_object().at(name).at("properties").as_object();
        for (const auto& sample : samples) {
            json::object body{{"wait", true}, {sample.key(), sample.value()}};
            const auto exchange = ask("POST", std::string("/v1/services/web/") + verb, json::serialize(body));
            EXPECT_EQ(exchange->answer->status == 200, properties.contains(sample.key()))
                << verb << " " << sample.key();
        }
    }
}

}  // namespace
}  // namespace dpsup::control
