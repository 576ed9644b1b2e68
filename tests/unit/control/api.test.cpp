#include "control/api.hpp"

#include <gmock/gmock.h>

#include "support/exchange.hpp"

namespace dpsup::control {
namespace {

using test::ApiFixture;
using testing::ElementsAre;
using testing::HasSubstr;

class Api : public testing::Test, public ApiFixture {};

std::string text(const boost::json::object& object, std::string_view key) {
    return std::string(object.at(key).as_string());
}

TEST_F(Api, ShowsTheStatusExactlyAsPromised) {
    backend.add("postgres").pid = 4711;
    const auto exchange = ask("GET", "/v1/status");
    EXPECT_EQ(exchange->answer->status, 200U);
    EXPECT_EQ(exchange->answer->content_type, "application/json");
    EXPECT_EQ(
        exchange->answer->body,
        R"({"host":"db1","services":[{"name":"postgres","kind":"process","state":"ready","wanted":"up",)"
        R"("pid":4711,"restarts":0,"since":"2025-11-23T00:00:00Z","health":"passing","reason":"probe passed"}]})"
        "\n");
}

TEST_F(Api, ShowsNamedServicesInTheOrderOfTheNames) {
    for (const auto* name : {"a", "b", "c"}) backend.add(name);
    const auto services = reply("GET", "/v1/status?name=c&name=a").at("services").as_array();
    ASSERT_EQ(services.size(), 2U);
    EXPECT_EQ(text(services[0].as_object(), "name"), "c");
    EXPECT_EQ(text(services[1].as_object(), "name"), "a");
}

TEST_F(Api, SuggestsTheNearestServiceWhereverOneIsNamed) {
    backend.add("postgres");
    for (const auto& [method, target, body] : std::vector<std::tuple<std::string, std::string, std::string>>{
             {"GET", "/v1/status?name=postgers", ""},
             {"GET", "/v1/services/postgers", ""},
             {"POST", "/v1/services/postgers/stop", ""},
             {"POST", "/v1/actions", R"({"action": "stop", "services": ["postgres", "postgers"]})"}}) {
        const auto problem = error(method, target, body);
        EXPECT_EQ(status, 404U) << target;
        EXPECT_EQ(text(problem, "code"), "unknown_service");
        EXPECT_EQ(text(problem, "hint"), "did you mean \"postgres\"?");
    }
    EXPECT_TRUE(backend.commands.empty());
}

TEST_F(Api, HandsCommandsOnWithWhoAsked) {
    backend.add("web");
    reply("POST", "/v1/services/web/restart", R"({"cascade": true, "stop_timeout": "3s"})");
    EXPECT_EQ(status, 200U);
    ASSERT_EQ(backend.commands.size(), 1U);
    EXPECT_EQ(backend.commands[0].verb, core::Verb::restart);
    EXPECT_THAT(backend.commands[0].services, ElementsAre("web"));
    EXPECT_TRUE(backend.commands[0].cascade);
    EXPECT_EQ(backend.commands[0].stop_timeout, Duration(std::chrono::seconds(3)));
    EXPECT_EQ(backend.commands[0].by, "root");
}

TEST_F(Api, HasARouteForEveryVerb) {
    backend.add("web");
    for (const auto* verb : {"start", "stop", "restart", "kill", "reload"}) {
        reply("POST", std::string("/v1/services/web/") + verb);
        EXPECT_EQ(status, 200U) << verb;
    }
    std::vector<core::Verb> verbs;
    for (const auto& command : backend.commands) verbs.push_back(command.verb);
    EXPECT_THAT(verbs, ElementsAre(core::Verb::start, core::Verb::stop, core::Verb::restart, core::Verb::kill,
                                   core::Verb::reload));
}

TEST_F(Api, AnswersAWaitWhenItEnds) {
    backend.add("slow");
    const auto exchange = ask("POST", "/v1/services/slow/start", R"({"wait": true, "timeout": "5s"})");
    EXPECT_FALSE(exchange->answer);
    EXPECT_EQ(backend.answer_waiting({.services = {{"slow", true, core::State::ready, "probe passed"}}}), 1U);
    ASSERT_TRUE(exchange->answer);
    EXPECT_EQ(exchange->answer->status, 200U);
}

TEST_F(Api, TellsTheBackendThatTheAskerHasGone) {
    backend.add("slow");
    const auto exchange = ask("POST", "/v1/services/slow/start", R"({"wait": true})");
    exchange->asker.reset();
    EXPECT_EQ(backend.answer_waiting({}), 0U);
}

TEST_F(Api, MakesATimeOutA504ThatSaysHowFarEachCame) {
    backend.add("slow");
    const auto exchange = ask("POST", "/v1/services/slow/start", R"({"wait": true, "timeout": "1s"})");
    backend.answer_waiting(
        {.services = {{"slow", false, core::State::starting, "probe has not passed"}}, .timed_out = true});
    EXPECT_EQ(exchange->answer->status, 504U);
    EXPECT_THAT(exchange->answer->body, HasSubstr("slow is starting (probe has not passed)"));
    EXPECT_THAT(exchange->answer->body, HasSubstr(R"("services":[{"name":"slow","reached":false)"));
}

TEST_F(Api, MakesATargetThatCannotBeReachedA409) {
    backend.add("web");
    backend.command_reply =
        CommandReply{.services = {{"web", false, core::State::failed, "exec: no such file"}}};
    const auto problem = error("POST", "/v1/services/web/start", R"({"wait": true})");
    EXPECT_EQ(status, 409U);
    EXPECT_EQ(text(problem, "code"), "not_reached");
    EXPECT_EQ(text(problem, "hint"), "more with: dpsupctl explain web");
    EXPECT_THAT(text(problem, "message"), HasSubstr("web is failed (exec: no such file)"));
    EXPECT_THAT(text(problem, "hint"), HasSubstr("dpsupctl explain web"));
}

TEST_F(Api, TurnsTheBackendsErrorsIntoStatuses) {
    backend.add("web");
    for (const auto& [code, wanted] : std::vector<std::pair<std::string, unsigned>>{
             {"refused", 409}, {"busy", 503}, {"shutting_down", 503}, {"disk_on_fire", 500}}) {
        backend.command_reply = fail(code, "no");
        EXPECT_EQ(text(error("POST", "/v1/services/web/stop"), "code"), code);
        EXPECT_EQ(status, wanted) << code;
    }
    backend.plan_reply = fail("invalid_config", "dpsup.toml:3:1: unknown key");
    error("GET", "/v1/plan");
    EXPECT_EQ(status, 409U);
}

TEST_F(Api, PlansAndApplies) {
    backend.plan_reply =
        PlanReply{.operations = {{"web", "restart", {"command changed"}}}, .warnings = {"careful"}};
    EXPECT_FALSE(reply("GET", "/v1/plan").at("applied").as_bool());
    EXPECT_TRUE(backend.applied_by.empty());
    const auto applied = reply("POST", "/v1/apply");
    EXPECT_TRUE(applied.at("applied").as_bool());
    EXPECT_EQ(applied.at("operations").as_array().size(), 1U);
    EXPECT_THAT(backend.applied_by, ElementsAre("root"));
}

TEST_F(Api, StopsTheDaemonForWhoAsked) {
    EXPECT_FALSE(reply("POST", "/v1/daemon/stop").at("leave_services").as_bool());
    const auto left = reply("POST", "/v1/daemon/stop", R"({"leave_services": true})");
    EXPECT_TRUE(left.at("leave_services").as_bool());
    EXPECT_EQ(left.at("pid").as_int64(), 4711);
    EXPECT_EQ(left.at("within_ms").as_int64(), 190000);
    ASSERT_EQ(backend.daemon_stops.size(), 2U);
    EXPECT_FALSE(backend.daemon_stops[0].leave_services);
    EXPECT_TRUE(backend.daemon_stops[1].leave_services);
    EXPECT_EQ(backend.daemon_stops[1].by, "root");
}

// Leaving out a field must not stop what was to be left.
TEST_F(Api, StopsNoDaemonByARequestThatItDoesNotUnderstand) {
    EXPECT_EQ(text(error("POST", "/v1/daemon/stop", R"({"leave_service": true})"), "hint"),
              "did you mean \"leave_services\"?");
    EXPECT_EQ(status, 400U);
    for (const auto* body : {R"({"leave_services": "yes"})", R"([])", R"({"leave_services": tr)"}) {
        error("POST", "/v1/daemon/stop", body);
        EXPECT_EQ(status, 400U) << body;
    }
    error("POST", "/v1/daemon/stop?leave_services=true");
    EXPECT_EQ(status, 400U);
    error("POST", "/v1/daemon/stop", "", member_of(100));
    EXPECT_EQ(status, 403U) << "operators operate services, not the daemon";
    EXPECT_TRUE(backend.daemon_stops.empty());
}

TEST_F(Api, ReExecutesForAdministratorsOnly) {
    EXPECT_EQ(reply("GET", "/v1/version").at("run").as_string(), "one");
    const auto answer = reply("POST", "/v1/daemon/reexec");
    EXPECT_EQ(answer.at("run").as_string(), "one");
    EXPECT_EQ(answer.at("version_after").as_string(), "1.1");
    EXPECT_THAT(backend.reexecuted_by, ElementsAre("root"));
    EXPECT_EQ(reply("GET", "/v1/version").at("run").as_string(), "two");
    backend.reexec_reply = fail("refused", "there is no such program");
    error("POST", "/v1/daemon/reexec");
    EXPECT_EQ(status, 409U);
}

TEST_F(Api, GivesTheLastDecisions) {
    backend.add("web");
    for (int i = 0; i < 5; ++i) backend.decide("web", core::State::backoff, "exited with code 1");
    const auto decisions = reply("GET", "/v1/decisions?limit=2").at("decisions").as_array();
    ASSERT_EQ(decisions.size(), 2U);
    EXPECT_EQ(decisions[1].at("number").as_int64(), 5);
    EXPECT_EQ(decisions[1].at("at").as_string(), "2025-11-23T00:00:00.000Z");
}

TEST_F(Api, KeepsJsonValidWhateverServicesSay) {
    backend.add("web").reason = "probe said \xff\xfe \"quoted\" \n\x01";
    const auto services = reply("GET", "/v1/status").at("services").as_array();
    EXPECT_EQ(text(services[0].as_object(), "reason"),
              "probe said \xef\xbf\xbd\xef\xbf\xbd \"quoted\" \n\x01");
}

TEST_F(Api, RefusesUnknownPathsAndMethods) {
    EXPECT_EQ(text(error("GET", "/v2/status"), "code"), "unknown_path");
    EXPECT_EQ(status, 404U);
    EXPECT_EQ(text(error("GET", "/"), "code"), "unknown_path");
    const auto wrong = ask("DELETE", "/v1/status");
    EXPECT_EQ(wrong->answer->status, 405U);
    EXPECT_EQ(wrong->answer->allow, "GET");
    EXPECT_EQ(ask("GET", "/v1/services/web/stop")->answer->allow, "POST");
    error("GET", "nonsense");
    EXPECT_EQ(status, 400U);
}

TEST_F(Api, RefusesWhatARouteDoesNotKnow) {
    error("GET", "/v1/plan?dry=1");
    EXPECT_EQ(status, 400U);
    error("POST", "/v1/apply", R"({"dry_run": true})");
    EXPECT_EQ(status, 400U);
    EXPECT_TRUE(backend.applied_by.empty());
}

TEST_F(Api, AllowsEachRoleItsRoutesOnly) {
    backend.add("web");
    const std::vector<std::pair<http::Peer, Role>> peers{
        {ApiFixture::root(), Role::admin},
        {ApiFixture::member_of(100), Role::operator_role},
        {ApiFixture::member_of(200), Role::viewer},
        {ApiFixture::member_of(300), Role::nobody},
    };
    for (const auto& [peer, role] : peers)
        for (const Route& route : routes()) {
            std::string target(route.path);
            if (const auto place = target.find("{name}"); place != std::string::npos)
                target.replace(place, 6, "web");
            const std::string body = route.path == "/v1/actions" ? R"({"action": "start", "all": true})" : "";
            const auto exchange = ask(std::string(route.method), target, body, peer);
            const unsigned answered = exchange->answer ? exchange->answer->status : 200U;
            EXPECT_EQ(answered, role >= route.role ? 200U : 403U) << to_string(role) << " " << target;
        }
}

TEST_F(Api, ExplainsARefusalByRole) {
    const auto viewer = error("POST", "/v1/services/web/stop", "", ApiFixture::member_of(200));
    EXPECT_EQ(text(viewer, "message"), "uid 4711 is viewer here, and this takes operator: Stop a service");
    EXPECT_THAT(text(viewer, "hint"), HasSubstr("join the group \"ops\""));
    const auto stranger = error("GET", "/v1/nothing", "", ApiFixture::member_of(300));
    EXPECT_EQ(text(stranger, "message"), "uid 4711 may not use dpsup on this host");
}

TEST_F(Api, TakesNewRolesFromTheNextRequestOn) {
    api.set_roles({{.operators = "", .viewers = {"*"}}, 0, [](const std::string&) { return std::nullopt; }});
    ask("GET", "/v1/status", "", ApiFixture::member_of(300));
    EXPECT_EQ(ask("GET", "/v1/status", "", ApiFixture::member_of(300))->answer->status, 200U);
}

}  // namespace
}  // namespace dpsup::control
