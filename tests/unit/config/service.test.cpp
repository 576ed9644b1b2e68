#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using namespace std::chrono_literals;
using core::Condition;
using core::RestartWhen;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Service, HasSaneDefaults) {
    const Service x = loaded_service("");
    EXPECT_EQ(x.name, "x");
    EXPECT_EQ(x.policy.name, "x");
    EXPECT_EQ(x.policy.restart.when, RestartWhen::always);
    EXPECT_TRUE(x.policy.autostart);
    EXPECT_EQ(x.policy.stop_signal, SIGTERM);
    EXPECT_EQ(x.place.file, "dpsup.toml");
    EXPECT_EQ(x.place.line, 1U);
}

TEST(Command, IsAnArrayOrAStringSplitLikeAShellDoes) {
    const auto command = [](const std::string& toml) {
        return load_text("[service.x]\ncommand = " + toml).config->services.at(0).process.command;
    };
    EXPECT_THAT(command(R"(["/bin/x", "a b"])"), ElementsAre("/bin/x", "a b"));
    EXPECT_THAT(command(R"("/bin/x 'a b' \"c d\" e\\ f ''")"),
                ElementsAre("/bin/x", "a b", "c d", "e f", ""));
    EXPECT_THAT(command(R"("x \"say \\\"hi\\\"\" a'b'c")"), ElementsAre("x", "say \"hi\"", "abc"));
}

TEST(Command, RefusesWhatOnlyAShellCanDo) {
    for (const auto* text : {"x | y", "x && y", "x > f", "x; y", "(x)"}) {
        const std::string found = findings("[service.x]\ncommand = \"" + std::string(text) + "\"");
        EXPECT_THAT(found, HasSubstr("needs a shell, and none is run")) << text;
        EXPECT_THAT(found, HasSubstr("\"/bin/sh\", \"-c\"")) << text;
    }
    EXPECT_THAT(findings("[service.x]\ncommand = \"x 'y\""), HasSubstr("is not closed"));
    EXPECT_EQ(load_text("[service.x]\ncommand = \"x '|'\"").config->services[0].process.command.at(1), "|");
}

TEST(Command, MayNotBeEmptyOrHoldNul) {
    for (const auto* toml : {"[]", "\"\"", "\"  \"", "[\"\"]", "[\"x\", \"a\\u0000b\"]", "[1]", "7"})
        EXPECT_FALSE(load_text("[service.x]\ncommand = " + std::string(toml)).config) << toml;
    EXPECT_THAT(findings("[service.x]\n"), HasSubstr("dpsup.toml:1:1: error: service.x: has no command"));
}

TEST(Job, IsRestartedOnFailureUnlessToldOtherwise) {
    EXPECT_EQ(loaded_service("job = true").policy.restart.when, RestartWhen::on_failure);
    EXPECT_EQ(loaded_service("job = true\nrestart = { delay = \"1s\" }").policy.restart.when,
              RestartWhen::on_failure);
    EXPECT_EQ(loaded_service("job = true\nrestart = \"no\"").policy.restart.when, RestartWhen::never);
    for (const auto* restart : {"\"always\"", "{ policy = \"always\" }"})
        EXPECT_THAT(findings(service("job = true\nrestart = " + std::string(restart))),
                    HasSubstr("would never be done"));
}

TEST(Watchdog, NeedsNotify) {
    EXPECT_THAT(findings(service("watchdog = \"30s\"")), HasSubstr("watchdog needs notify = true"));
    EXPECT_EQ(findings(service("notify = true\nwatchdog = \"30s\"")), "");
    EXPECT_EQ(findings(service("watchdog = \"0s\"")), "");
}

TEST(Job, HasNoProbes) {
    for (const auto* key : {"healthcheck", "startup", "readiness", "liveness"})
        EXPECT_THAT(findings(service("job = true\n" + std::string(key) + " = { tcp = \"127.0.0.1:1\" }")),
                    HasSubstr("a job has no " + std::string(key)));
    EXPECT_THAT(findings(service("job = true\nnotify = true")), HasSubstr("a job has no notify"));
}

TEST(Restart, IsAWordOrATable) {
    EXPECT_EQ(loaded_service("restart = \"on-failure\"").policy.restart.when, RestartWhen::on_failure);
    const auto table = loaded_service(
                           "restart = { policy = \"no\", delay = \"1s\", max_delay = \"1m\", factor = 3, "
                           "jitter = 0.5, stable_after = \"5m\", "
                           "give_up = true, attempts = 7, on_unknown = \"success\" }")
                           .policy.restart;
    EXPECT_EQ(table, (core::RestartPolicy{RestartWhen::never, 1s, 1min, 3, 0.5, 5min, true, 7,
                                          core::UnknownEnd::success}));
}

TEST(Restart, KnowsOtherSupervisorsWords) {
    EXPECT_THAT(findings(service("restart = \"unless-stopped\"")), HasSubstr("write \"always\""));
    EXPECT_THAT(findings(service("restart = \"on-failure:5\"")), HasSubstr("give_up = true, attempts = 5"));
    EXPECT_THAT(findings(service("restart = false")), HasSubstr("write \"no\""));
    EXPECT_THAT(findings(service("restart = \"alway\"")), HasSubstr("did you mean \"always\"?"));
    EXPECT_THAT(findings(service("restart = { delay = \"1m\", max_delay = \"1s\" }")),
                HasSubstr("longer than max_delay"));
    EXPECT_THAT(findings(service("restart = { attempts = 3 }")), HasSubstr("warning"));
}

TEST(DependsOn, TakesThreeForms) {
    const auto load_x = [](const std::string& depends_on) {
        const LoadOutcome outcome =
            load_text(service("depends_on = " + depends_on) + "[service.db]\ncommand = [\"db\"]\n");
        if (!outcome.config) throw std::runtime_error(render(outcome.diagnostics));
        return outcome.config->services.at(1).policy.depends_on;
    };
    EXPECT_THAT(load_x("[\"db\"]"), ElementsAre(core::Dependency{"db", Condition::started, false}));
    EXPECT_THAT(load_x("{ db = \"ready\" }"), ElementsAre(core::Dependency{"db", Condition::ready, false}));
    EXPECT_THAT(load_x("{ db = { condition = \"ready\", optional = true } }"),
                ElementsAre(core::Dependency{"db", Condition::ready, true}));
    EXPECT_THAT(load_x("{ db = { optional = true } }"),
                ElementsAre(core::Dependency{"db", Condition::started, true}));
}

TEST(DependsOn, TellsComposesWords) {
    const auto hint = [](const std::string& word) {
        return findings(service("depends_on = { db = \"" + word + "\" }"));
    };
    EXPECT_THAT(hint("service_healthy"), HasSubstr("write \"ready\""));
    EXPECT_THAT(hint("service_started"), HasSubstr("write \"started\""));
    EXPECT_THAT(hint("service_completed_successfully"), HasSubstr("write \"done\""));
    EXPECT_THAT(findings(service("depends_on = \"db\"")), HasSubstr("write [\"db\"]"));
}

TEST(Environment, TakesScalarsAndSecretsInOrder) {
    const Service x = loaded_service(
        "environment = { Z = \"z\", A = 1, B = true, C = 1.5, S = { file = \"/s\" }, \"a.b\" = \"c\" }");
    using Pair = std::pair<std::string, EnvironmentValue>;
    EXPECT_THAT(x.process.environment,
                ElementsAre(Pair{"Z", "z"}, Pair{"A", "1"}, Pair{"B", "true"}, Pair{"C", "1.5"},
                            Pair{"S", SecretFile{"/s"}}, Pair{"a.b", "c"}));
}

TEST(Environment, NeverShowsAValueInAnError) {
    EXPECT_THAT(findings(service("environment = [\"PASSWORD=hunter2\"]")), Not(HasSubstr("hunter2")));
    EXPECT_THAT(findings(service("environment = { P = [\"hunter2\"] }")), Not(HasSubstr("hunter2")));
    EXPECT_THAT(findings(service("environment = { P = { fil = \"/s\" } }")), HasSubstr("write { file ="));
    EXPECT_THAT(findings(service("environment = { P = { file = \"s\" } }")),
                HasSubstr("not an absolute path"));
    EXPECT_THAT(findings(service("environment = { \"A=B\" = 1 }")),
                HasSubstr("cannot be the name of a variable"));
    EXPECT_THAT(findings(service("environment = { A = \"x\\u0000\" }")), HasSubstr("NUL"));
}

TEST(Process, TakesUsersByNameAndNumber) {
    const Service x = loaded_service(
        "user = 26\ngroup = \"postgres\"\ngroups = [\"a\", 5]\nenv_file = \"/e\"\numask = \"0027\"");
    EXPECT_EQ(x.process.user, "26");
    EXPECT_EQ(x.process.group, "postgres");
    EXPECT_THAT(x.process.groups, ElementsAre("a", "5"));
    EXPECT_THAT(x.process.env_file, ElementsAre("/e"));
    EXPECT_EQ(x.process.umask, 027U);
    EXPECT_THAT(findings(service("user = \"a:b\"")), HasSubstr("two keys"));
    EXPECT_THAT(findings(service("user = -1")), HasSubstr("expected"));
}

TEST(Umask, IsOctalDigitsInQuotes) {
    for (const auto* value : {"27", "\"28\"", "\"\"", "\"1777\"", "\"00270\""})
        EXPECT_FALSE(load_text(service("umask = " + std::string(value))).config) << value;
}

TEST(Signals, AreNamesOrNumbers) {
    for (const auto* value : {"\"SIGINT\"", "\"INT\"", "\"int\"", "2", "\"2\""})
        EXPECT_EQ(loaded_service("stop_signal = " + std::string(value)).policy.stop_signal, SIGINT) << value;
    EXPECT_EQ(loaded_service("stop_signal = \"SIGRTMIN+3\"").policy.stop_signal, SIGRTMIN + 3);
    for (const auto* value : {"\"SIGFOO\"", "0", "65", "-1", "true"})
        EXPECT_FALSE(load_text(service("stop_signal = " + std::string(value))).config) << value;
    EXPECT_THAT(findings(service("stop_signal = \"SIGSTOP\"")), HasSubstr("does not end a process"));
    for (const auto* value : {"\"SIGSTOP\"", "\"KILL\"", "9"})
        EXPECT_THAT(findings(service("reload = { signal = " + std::string(value) + " }")),
                    HasSubstr("read its configuration again"));
}

TEST(Rlimits, TakeNumbersSizesPairsAndUnlimited) {
    const auto limits = loaded_service(
                            "rlimits = { nofile = 65536, core = \"unlimited\", memlock = { soft = \"64MiB\", "
                            "hard = \"128MiB\" }, nproc = -1 }")
                            .process.rlimits;
    EXPECT_EQ(limits.at("nofile"), (Rlimit{65536, 65536}));
    EXPECT_EQ(limits.at("core"), (Rlimit{UINT64_MAX, UINT64_MAX}));
    EXPECT_EQ(limits.at("memlock"), (Rlimit{64U << 20U, 128U << 20U}));
    EXPECT_EQ(limits.at("nproc").hard, UINT64_MAX);
    EXPECT_THAT(findings(service("rlimits = { nofiles = 1 }")), HasSubstr("did you mean nofile?"));
    EXPECT_THAT(findings(service("rlimits = { nofile = { soft = 2, hard = 1 } }")),
                HasSubstr("above the hard limit"));
    EXPECT_THAT(findings(service("rlimits = { nofile = { soft = 2 } }")), HasSubstr("needs both"));
}

TEST(Capabilities, AreNormalisedAndChecked) {
    EXPECT_THAT(*loaded_service("capabilities = [\"net_bind_service\", \"CAP_SYS_NICE\", \"SYS_NICE\"]")
                     .process.capabilities,
                ElementsAre("CAP_NET_BIND_SERVICE", "CAP_SYS_NICE"));
    EXPECT_TRUE(loaded_service("capabilities = []").process.capabilities->empty());
    EXPECT_FALSE(loaded_service("").process.capabilities);
    EXPECT_THAT(findings(service("capabilities = [\"NET_BIND\"]")), HasSubstr("is no capability"));
}

TEST(Limits, AreReadWithTheirUnits) {
    const Limits limits =
        loaded_service("limits = { cpus = 1.5, memory = \"4GiB\", pids = 100, io_weight = 200 }")
            .process.limits;
    EXPECT_EQ(limits.cpus, 1.5);
    EXPECT_EQ(limits.memory, 4ULL << 30U);
    EXPECT_EQ(limits.pids, 100U);
    EXPECT_EQ(limits.io_weight, 200U);
    for (const auto* bad :
         {"{ cpus = 0 }", "{ cpus = -1 }", "{ memory = \"1k\" }", "{ memory = -1 }", "{ io_weight = 0 }",
          "{ pids = 0 }", "{ cpus = nan }", "{ cpus = inf }", "{ memory = \"4 bananas\" }"})
        EXPECT_FALSE(load_text(service("limits = " + std::string(bad))).config) << bad;
}

TEST(Reload, IsASignalOrACommand) {
    const Service by_signal = loaded_service("reload = { signal = \"HUP\" }");
    EXPECT_EQ(std::get<ReloadSignal>(by_signal.process.reload).signal, SIGHUP);
    EXPECT_TRUE(by_signal.policy.can_reload);
    const Service by_command = loaded_service("reload = { command = \"ctl reload\" }");
    EXPECT_THAT(std::get<ReloadCommand>(by_command.process.reload).command, ElementsAre("ctl", "reload"));
    EXPECT_THAT(findings(service("reload = { signal = 1, command = \"x\" }")), HasSubstr("has both"));
    EXPECT_THAT(findings(service("reload = {}")), HasSubstr("has neither"));
    EXPECT_FALSE(loaded_service("").policy.can_reload);
}

TEST(Durations, NeedAUnitAndARange) {
    EXPECT_EQ(loaded_service("stop_timeout = 0").policy.stop_timeout, Duration::zero());
    EXPECT_THAT(findings(service("stop_timeout = 10")), HasSubstr("write the unit too: \"10s\""));
    EXPECT_THAT(findings(service("stop_timeout = \"10\"")), HasSubstr("write a number with a unit"));
    EXPECT_THAT(findings(service("stop_timeout = \"10000d\"")), HasSubstr("out of range"));
    EXPECT_THAT(findings(service("stop_timeout = true")),
                HasSubstr("expected a duration such as \"10s\", found true"));
}

}  // namespace
}  // namespace dpsup::config
