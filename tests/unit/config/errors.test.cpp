// What people see when a file is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Errors, AreToldAllAtOnceAndInOrder) {
    EXPECT_EQ(findings("[daemon]\n"
                       "socket = 5\n"
                       "[service.db]\n"
                       "comand = [\"db\"]\n"
                       "retries = 3\n"
                       "[service.web]\n"
                       "command = [\"web\"]\n"
                       "depends_on = { dbb = \"ready\" }\n"
                       "  stop_timeout = 10\n"),
              "dpsup.toml:2:10: error: daemon.socket: expected a string, found the integer 5\n"
              "dpsup.toml:3:1: error: service.db: has no command\n"
              "    hint: write command = [\"/path/of/the/program\", \"argument\"]\n"
              "dpsup.toml:4:1: error: service.db.comand: unknown key\n"
              "    hint: did you mean command?\n"
              "dpsup.toml:5:1: error: service.db.retries: unknown key\n"
              "    hint: config/README.md lists the keys\n"
              "dpsup.toml:8:16: error: service.web.depends_on: \"dbb\" is not configured\n"
              "    hint: did you mean \"db\"?\n"
              "dpsup.toml:9:18: error: service.web.stop_timeout: expected a duration such as \"10s\", found "
              "the integer 10\n"
              "    hint: write the unit too: \"10s\"\n");
}

TEST(Errors, PointIntoInlineTables) {
    EXPECT_THAT(findings(service("healthcheck = { tcp = \"h:1\", intervall = \"1s\" }")),
                HasSubstr("dpsup.toml:3:30: error: service.x.healthcheck.intervall: unknown key\n    hint: "
                          "did you mean interval?"));
}

TEST(Errors, ShowControlCharactersOfKeys) {
    const std::string found = findings("[service.x]\ncommand = [\"x\"]\n\"\\u001b[2J\\n\\u009b1m\" = 1\n");
    EXPECT_THAT(found, HasSubstr("error: service.x.\\x1b[2J\\x0a\\x9b1m: unknown key\n"));
}

TEST(Errors, SuggestOnlyWhatIsNear) {
    EXPECT_THAT(findings(service("foo = 1")), Not(HasSubstr("did you mean")));
    EXPECT_THAT(findings(service("capabilities = [\"all\"]")), Not(HasSubstr("did you mean")));
    EXPECT_THAT(findings(service("capabilities = [\"CAP_ALL\"]")), Not(HasSubstr("did you mean")));
    EXPECT_THAT(findings(service("capabilities = [\"net_bind\"]")),
                HasSubstr("did you mean CAP_NET_BIND_SERVICE?"));
    EXPECT_THAT(findings(service("capabilities = [\"cap_kil\"]")), HasSubstr("did you mean CAP_KILL?"));
    EXPECT_THAT(findings(service("health = { tcp = \"h:1\" }")), HasSubstr("did you mean healthcheck?"));
    EXPECT_THAT(findings(service("usr = \"x\"")), HasSubstr("did you mean user?"));
}

TEST(Errors, OfSyntaxSayWhere) {
    const std::string found = findings("[host]\nname = \"h\nx = 1\n");
    EXPECT_THAT(found, HasSubstr("dpsup.toml:2:"));
    EXPECT_THAT(found, HasSubstr("error: this is no TOML: "));
    EXPECT_THAT(findings("a = 1\na = 2\n"), HasSubstr("dpsup.toml:2:"));
    EXPECT_THAT(findings("a = \"\xff\""), HasSubstr("error"));
}

TEST(Errors, OfSyntaxSayWhatPeopleUsuallyDid) {
    EXPECT_THAT(findings("[host]\nname = “db1”"), HasSubstr("hint: a string stands between straight quotes"));
    EXPECT_THAT(findings("[host]\nname = db1"), HasSubstr("hint: a string stands between straight quotes"));
    EXPECT_THAT(findings("services:\n  x:\n"), HasSubstr("hint: this looks like YAML"));
    EXPECT_THAT(findings(service("healthcheck = {\n tcp = \"h:1\",\n}")), HasSubstr("stands on one line"));
    EXPECT_THAT(findings(service("") + service("")), HasSubstr("a file in conf.d may extend it"));
    EXPECT_THAT(findings(service("nice = 1\nnice = 2")), HasSubstr("a key stands once in a table"));
}

// toml++ 3.3 promised its optimiser that such characters do not exist.
TEST(Errors, OfCharactersOutsideQuotesAreNoTrap) {
    for (const auto* text : {"ä = 1", "[Ж]", "a = 1 ä", "　a = 1", "\xef\xbb\x9f", "a = ​b"})
        EXPECT_FALSE(load_text(text).config) << text;
    EXPECT_TRUE(load_text("[host]\nname = \"\"\"\\\n   äpfel\"\"\"").config);
}

TEST(Errors, TellOfLaterVersions) {
    EXPECT_THAT(findings("[service.x]\nimage = \"nginx\""),
                HasSubstr("service.x.image: not in this version yet"));
    EXPECT_THAT(findings("[service.x]\nimage = \"nginx\""), Not(HasSubstr("has no command")));
    for (const auto* section : {"postgres.main", "minio.lake", "store"})
        EXPECT_THAT(findings("[" + std::string(section) + "]\nx = 1"), HasSubstr("not in this version yet"))
            << section;
    for (const auto* key : {"unit", "ports", "volumes", "replicas", "schedule", "pre_start"})
        EXPECT_THAT(findings(service(std::string(key) + " = 1")), HasSubstr("not in this version yet"))
            << key;
}

TEST(Errors, TellWhatOtherSupervisorsWordsAreHere) {
    const std::vector<std::pair<std::string, std::string>> words{{"env = {}", "environment"},
                                                                 {"working_directory = 1", "working_dir"},
                                                                 {"stop_grace_period = 1", "stop_timeout"},
                                                                 {"ulimits = {}", "rlimits"},
                                                                 {"cap_add = []", "capabilities"},
                                                                 {"mem_limit = 1", "limits = { memory"},
                                                                 {"autostart = true", "enabled"},
                                                                 {"container_name = 1", "[service.NAME]"},
                                                                 {"healthcheck = { test = \"x\" }", "exec"},
                                                                 {"oneshot = true", "job = true"},
                                                                 {"deploy = {}", "limits"},
                                                                 {"environment_file = 1", "env_file"}};
    for (const auto& [written, meant] : words)
        EXPECT_THAT(findings(service(written)), HasSubstr(meant)) << written;
    EXPECT_THAT(findings("[service.x]\ncmd = \"x\""), HasSubstr("write command"));
    EXPECT_THAT(findings("[services.x]\ncommand = \"x\""), HasSubstr("write [service.NAME]"));
    EXPECT_THAT(findings("[servise.x]\ncommand = \"x\""), HasSubstr("did you mean service?"));
}

TEST(Errors, OfNames) {
    for (const auto* name : {"X", "-a", "a b", "", "ä", "a/b", "_a", "."})
        EXPECT_THAT(findings("[service.\"" + std::string(name) + "\"]\ncommand = \"x\""),
                    HasSubstr("cannot be the name"))
            << name;
    EXPECT_THAT(findings("[service." + std::string(65, 'a') + "]\ncommand = \"x\""), HasSubstr("at most 64"));
    EXPECT_TRUE(load_text("[service." + std::string(64, 'a') + "]\ncommand = \"x\"").config);
    EXPECT_TRUE(load_text("[service.\"0a.b_c-d\"]\ncommand = \"x\"").config);
}

TEST(Errors, OfTheDaemonsPaths) {
    EXPECT_THAT(findings("[daemon]\nstate_dir = \"/x\"\nlog_dir = \"/x\""),
                HasSubstr("state_dir and log_dir are the same folder"));
    EXPECT_THAT(findings("[daemon]\nstate_dir = \"/x\"\nsocket = \"/x\""),
                HasSubstr("socket and state_dir are the same path"));
    EXPECT_THAT(findings("[daemon]\nsocket = \"/" + std::string(107, 'x') + "\""), HasSubstr("107 bytes"));
    EXPECT_THAT(findings("[daemon]\nsocket = \"run/x\""), HasSubstr("not an absolute path"));
    EXPECT_THAT(findings("[daemon]\nlog_level = \"warn\""), HasSubstr("write \"warning\""));
    EXPECT_THAT(findings("[daemon]\nrestart_budget = { burst = 0 }"), HasSubstr("expected a number from 1"));
}

TEST(Errors, AreBounded) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "key" + std::to_string(i) + " = 1\n";
    const LoadOutcome outcome = load_text(text);
    EXPECT_FALSE(outcome.config);
    EXPECT_EQ(outcome.diagnostics.size(), 301U);
    EXPECT_EQ(outcome.diagnostics.back().message, "4700 more findings are not shown");
}

TEST(Warnings, LeaveTheConfigurationUsable) {
    const LoadOutcome outcome = load_text(service("restart = { attempts = 3 }"));
    EXPECT_TRUE(outcome.config);
    EXPECT_FALSE(outcome.diagnostics.empty());
    EXPECT_FALSE(has_errors(outcome.diagnostics));
}

TEST(Bounds, HoldForWhatIsAbsurd) {
    EXPECT_THAT(findings(std::string(5U << 20U, '#')), HasSubstr("larger than 4 MiB"));
    std::string deep_key = "a";
    for (int i = 0; i < 1'000'000; ++i) deep_key += ".a";
    EXPECT_THAT(findings("\n[" + deep_key + "]"),
                HasSubstr("dpsup.toml:2:1: error: a key here has more than 16 parts"));
    EXPECT_THAT(findings(deep_key + " = 1"), HasSubstr("more than 16 parts"));
    EXPECT_THAT(findings("x = { " + deep_key + " = 1 }"), HasSubstr("more than 16 parts"));
    EXPECT_THAT(findings("x = " + std::string(100, '[') + std::string(100, ']')),
                HasSubstr("nested more than 16 deep"));
    EXPECT_THAT(findings("x = " + std::string(100'000, '[')), HasSubstr("error"));
    // Dots in strings and comments are no keys.
    EXPECT_TRUE(
        load_text("# ......................\n[host] # .................\nname = \"....................\"\n"
                  "[service.x]\ncommand = ['''..................\n...................''', "
                  "\"\"\"\\\n....\\\"...............\"\"\"]")
            .config);
    std::string many;
    for (int i = 0; i < 10'001; ++i) many += "[service.s" + std::to_string(i) + "]\ncommand = \"x\"\n";
    EXPECT_THAT(findings(many), HasSubstr("there are 10001 services, and 10000 is the most"));
}

}  // namespace
}  // namespace dpsup::config
