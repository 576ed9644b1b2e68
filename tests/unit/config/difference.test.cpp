#include "config/difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/inputs.hpp"
#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Config config_of(const std::string& text, Variables variables = {}) {
    LoadOutcome outcome = load_text(text, std::move(variables));
    if (!outcome.config) throw std::runtime_error(render(outcome.diagnostics));
    return std::move(*outcome.config);
}

// The one operation on the service x between two sets of keys.
Operation change(const std::string& before, const std::string& after) {
    const auto operations = difference(config_of(service(before)), config_of(service(after))).operations;
    if (operations.size() != 1) throw std::runtime_error(std::to_string(operations.size()) + " operations");
    return operations[0];
}

TEST(Difference, OfEqualConfigurationsIsNothing) {
    const std::string text = service(
        "user = \"a\"\nenvironment = { A = 1 }\nhealthcheck = { tcp = \"h:1\" }\nreload = { signal = 1 }");
    const Difference none = difference(config_of(text), config_of(text));
    EXPECT_THAT(none.operations, IsEmpty());
    EXPECT_THAT(none.settings, IsEmpty());
    EXPECT_THAT(none.warnings, IsEmpty());
}

TEST(Difference, IgnoresHowAThingIsWritten) {
    const std::string a =
        "[service.x]\ncommand = [\"x\", \"y\"]\nstop_timeout = \"60s\"\nenvironment = { A = \"1\", B = 2 }";
    const std::string b =
        "# moved\n\n[service.x]\nenvironment = { B = \"2\", A = 1 }\nstop_timeout = \"1m\"\ncommand = \"x "
        "y\"";
    EXPECT_THAT(difference(config_of(a), config_of(b)).operations, IsEmpty());
}

TEST(Difference, RestartsOnlyForWhatNeedsIt) {
    EXPECT_EQ(change("", "user = \"a\"").action, Action::restart);
    EXPECT_EQ(change("", "environment = { A = 1 }").action, Action::restart);
    EXPECT_EQ(change("", "limits = { cpus = 1 }").action, Action::update);
    EXPECT_EQ(change("", "log = { target = \"file\" }").action, Action::restart);
    EXPECT_EQ(change("", "log = { keep = 5 }").action, Action::update);
    EXPECT_EQ(change("", "restart = \"no\"").action, Action::update);
    EXPECT_EQ(change("", "stop_timeout = \"5s\"").action, Action::update);
    EXPECT_EQ(change("", "healthcheck = { tcp = \"h:1\" }").action, Action::update);
    EXPECT_EQ(change("", "enabled = false").action, Action::update);
    EXPECT_EQ(change("", "stop_timeout = \"5s\"\nuser = \"a\"").action, Action::restart);
}

// As one on a file system that does not answer, when `apply` reads it or when the daemon was started.
TEST(Difference, TakesAFileThatDidNotAnswerForUnchanged) {
    const auto with_digest = [](std::uint64_t digest) {
        Config config = config_of(service("env_file = [\"/silent/env\"]"));
        take_digests(config, {{"/silent/env", digest}});
        return config;
    };
    EXPECT_THAT(difference(with_digest(1), with_digest(2)).operations, Not(IsEmpty()));
    EXPECT_THAT(difference(with_digest(1), with_digest(unknown_digest)).operations, IsEmpty());
    EXPECT_THAT(difference(with_digest(unknown_digest), with_digest(1)).operations, IsEmpty());
}

TEST(Difference, ShowsWhatWasAndWhatWillBe) {
    const auto operations = difference(config_of("[service.x]\ncommand = [\"a\"]"),
                                       config_of("[service.x]\ncommand = [\"a\", \"b c\"]\nuser = \"u\""))
                                .operations;
    EXPECT_THAT(operations.at(0).causes,
                ElementsAre("command changed: [\"a\"] -> [\"a\", \"b c\"]", "user changed: none -> \"u\""));
    EXPECT_THAT(change("restart = { delay = \"1s\" }", "restart = { delay = \"2s\" }").causes,
                ElementsAre("restart.delay changed: \"1s\" -> \"2s\""));
    EXPECT_THAT(change("healthcheck = { http = \"http://h/a\", retries = 2 }",
                       "healthcheck = { http = \"http://h/b\", retries = 2 }")
                    .causes,
                ElementsAre("healthcheck.http changed: \"http://h/a\" -> \"http://h/b\""));
    EXPECT_THAT(change("healthcheck = { http = \"http://h/a\" }", "healthcheck = { tcp = \"h:1\" }").causes,
                ElementsAre("healthcheck.http removed", "healthcheck.tcp added"));
    EXPECT_THAT(change("healthcheck = { tcp = \"h:1\" }", "readiness = { tcp = \"h:1\" }").causes,
                ElementsAre("healthcheck removed", "readiness added"));
}

TEST(Difference, NeverShowsASecretOrAVariablesValue) {
    EXPECT_THAT(
        change("environment = { P = \"hunter2\", Q = 1 }", "environment = { P = \"hunter3\", R = 1 }").causes,
        ElementsAre("environment.P changed", "environment.Q removed", "environment.R added"));
    EXPECT_THAT(change("healthcheck = { http = \"http://h\", headers = { A = \"hunter2\" } }",
                       "healthcheck = { http = \"http://h\" }")
                    .causes,
                ElementsAre("healthcheck.headers changed"));
    EXPECT_THAT(change("healthcheck = { postgres = \"password=hunter2\" }",
                       "healthcheck = { postgres = \"password=hunter3\" }")
                    .causes,
                ElementsAre("healthcheck.postgres changed"));
    EXPECT_THAT(
        change("healthcheck = { tcp = \"h:1\", send = \"AUTH hunter2\" }", "healthcheck = { tcp = \"h:1\" }")
            .causes,
        ElementsAre("healthcheck.send changed"));
}

TEST(Difference, SeesAUrlsSecretPartWithoutShowingIt) {
    const auto causes = change("healthcheck = { http = \"http://u:hunter2@h/x?token=hunter2\" }",
                               "healthcheck = { http = \"http://u:hunter3@h/x?token=hunter3\" }")
                            .causes;
    ASSERT_EQ(causes.size(), 1U);
    EXPECT_THAT(causes[0], AllOf(HasSubstr("healthcheck.http changed"), Not(HasSubstr("hunter"))));
}

TEST(Difference, ShortensWhatIsLong) {
    const auto operations =
        difference(config_of("[service.x]\ncommand = [\"a\"]"),
                   config_of("[service.x]\ncommand = [\"" + std::string(5000, 'b') + "\"]"))
            .operations;
    EXPECT_LT(operations.at(0).causes.at(0).size(), 200U);
    const std::string a(3000, 'a');
    EXPECT_THAT(difference(config_of("[service.x]\ncommand = [\"" + a + "1\"]"),
                           config_of("[service.x]\ncommand = [\"" + a + "2\"]"))
                    .operations.at(0)
                    .causes,
                ElementsAre("command changed"));
}

TEST(Difference, AddsInOrderAndRemovesInReverse) {
    const std::string a = "[service.a]\ncommand = [\"a\"]\n";
    const std::string b = "[service.b]\ncommand = [\"b\"]\ndepends_on = [\"a\"]\n";
    const auto added = difference(config_of(""), config_of(b + a)).operations;
    ASSERT_EQ(added.size(), 2U);
    EXPECT_EQ(added[0].service, "a");
    EXPECT_EQ(added[0].action, Action::add);
    const auto removed = difference(config_of(b + a), config_of("")).operations;
    ASSERT_EQ(removed.size(), 2U);
    EXPECT_EQ(removed[0].service, "b");
    EXPECT_EQ(removed[0].action, Action::remove);
    EXPECT_EQ(to_string(removed[0].action), "remove");
}

TEST(Difference, SaysWhatNeedsTheDaemonsOwnRestart) {
    const Difference result = difference(
        config_of(""), config_of("[daemon]\nstate_dir = \"/x\"\nlog_level = \"debug\"\n"
                                 "restart_budget = { burst = 7 }\n[control]\nviewers = [\"adm\"]"));
    EXPECT_THAT(result.warnings, ElementsAre("daemon.state_dir changed: \"/var/lib/dpsup\" -> \"/x\"; takes "
                                             "effect when dpsupd is stopped and started"));
    EXPECT_THAT(result.settings, ElementsAre("daemon.log_level changed: \"info\" -> \"debug\"",
                                             "daemon.restart_budget.burst changed: 100 -> 7",
                                             "control.viewers changed: none -> [\"adm\"]"));
    EXPECT_THAT(result.operations, IsEmpty());
}

TEST(Fingerprint, ChangesWithWhatMustBeRunAgain) {
    const auto of = [](const std::string& keys) { return fingerprint(loaded_service(keys)); };
    EXPECT_EQ(of(""), of("stop_timeout = \"5s\"\nrestart = \"no\""));
    EXPECT_NE(of(""), of("user = \"a\""));
    EXPECT_NE(of("environment = { A = 1 }"), of("environment = { A = 2 }"));
    EXPECT_NE(of("job = true"), of(""));
    EXPECT_EQ(of("").size(), 16U);
}

}  // namespace
}  // namespace dpsup::config
