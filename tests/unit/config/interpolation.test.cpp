#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using testing::HasSubstr;
using testing::Not;

const Variables set{{"A", "alpha"}, {"EMPTY", ""}, {"A_1", "one"}, {"DOLLAR", "$A"}};

// `text` with its variables put in.
std::string expanded(const std::string& text) {
    const LoadOutcome outcome = load_text("[host]\nname = '''<" + text + ">'''", set);
    return outcome.config ? outcome.config->host.name : "error: " + render(outcome.diagnostics);
}

struct Case {
    std::string text;
    std::string result;
};

class Interpolation : public testing::TestWithParam<Case> {};

TEST_P(Interpolation, GivesWhatComposeGives) {
    EXPECT_EQ(expanded(GetParam().text), "<" + GetParam().result + ">");
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Interpolation,
    testing::Values(Case{"$A", "alpha"}, Case{"${A}", "alpha"}, Case{"$A_1-$A.x", "one-alpha.x"},
                    Case{"${A}B", "alphaB"}, Case{"$NONE", ""}, Case{"${NONE}", ""}, Case{"${EMPTY}", ""},
                    Case{"${A:-d}", "alpha"}, Case{"${A-d}", "alpha"}, Case{"${NONE:-d}", "d"},
                    Case{"${NONE-d}", "d"}, Case{"${EMPTY:-d}", "d"}, Case{"${EMPTY-d}", ""},
                    Case{"${NONE:-}", ""}, Case{"${NONE-}", ""}, Case{"${NONE:-a b:-c}", "a b:-c"},
                    Case{"${A:?e}", "alpha"}, Case{"${A?e}", "alpha"}, Case{"${EMPTY?e}", ""},
                    Case{"${A:+x}", "x"}, Case{"${A+x}", "x"}, Case{"${EMPTY:+x}", ""},
                    Case{"${EMPTY+x}", "x"}, Case{"${NONE:+x}", ""}, Case{"${NONE+x}", ""},
                    Case{"${NONE:-${A}}", "alpha"}, Case{"${NONE:-${NO:-${A}y}z}", "alphayz"},
                    Case{"${A:+${A_1}}", "one"}, Case{"${NONE:-$A}", "alpha"},
                    Case{"${NONE:-http://${A}:80/}", "http://alpha:80/"}, Case{"$$", "$"}, Case{"$$A", "$A"},
                    Case{"$$$A", "$alpha"}, Case{"${NONE:-$$}", "$"}, Case{"$${A}", "${A}"},
                    Case{"$DOLLAR", "$A"}, Case{"}{", "}{"}, Case{"a}b", "a}b"}));

TEST(InterpolationErrors, AreToldWithAHint) {
    for (const auto* text :
         {"$", "$1", "a $ b", "${", "${A", "${}", "${1}", "${A!}", "${A:}", "${A:x}", "${NONE:-${A}"})
        EXPECT_THAT(expanded(text), HasSubstr("error: ")) << text;
    EXPECT_THAT(expanded("cost: 5$"), HasSubstr("write $$ where a dollar sign is meant"));
}

TEST(InterpolationErrors, AreToldOnce) {
    for (const std::string key :
         {"command = \"${NONE:?}\"", "command = [\"${NONE:?}\"]", "command = [\"x\"]\nnice = \"${NONE:?}\"",
          "command = [\"x\"]\nrlimits = { nofile = { soft = \"${NONE:?}\", hard = 5 } }",
          "command = [\"x\"]\nhealthcheck = { exec = [\"${NONE:?}\"], interval = \"$\" }"}) {
        for (const Diagnostic& found : load_text("[service.x]\n" + key).diagnostics)
            EXPECT_TRUE(found.message.find("NONE is not set") != std::string::npos ||
                        found.message.find("variable's name") != std::string::npos)
                << key << "\n"
                << render(found);
        EXPECT_FALSE(load_text("[service.x]\n" + key).config) << key;
    }
}

TEST(InterpolationErrors, SayWhatARequiredVariableIsFor) {
    EXPECT_THAT(expanded("${NONE:?give the $A}"),
                HasSubstr("error: the variable NONE is not set: give the alpha"));
    EXPECT_THAT(expanded("${EMPTY:?e}"), HasSubstr("EMPTY is not set: e"));
    EXPECT_THAT(expanded("${NONE?}"), HasSubstr("the variable NONE is not set\n"));
}

TEST(Interpolation, WarnsOfUnsetVariablesWhereTheyStand) {
    const std::string found = findings("[host]\nname = \"h${NONE}\"");
    EXPECT_THAT(found, HasSubstr("dpsup.toml:2:8: warning: the variable NONE is not set"));
    EXPECT_EQ(findings("[host]\nname = \"h${NONE:-}${NONE+x}\""), "");
}

TEST(Interpolation, ReachesNumbersAndBooleans) {
    const Service x = loaded_service(
        "nice = \"${N}\"\nno_new_privs = \"${B:-true}\"\nlimits = { cpus = \"${C:-1.5}\" }", {{"N", "7"}});
    EXPECT_EQ(x.process.nice, 7);
    EXPECT_TRUE(x.process.no_new_privs);
    EXPECT_EQ(x.process.limits.cpus, 1.5);
    EXPECT_THAT(findings(service("nice = \"7\"")), HasSubstr("write it without quotes"));
    EXPECT_THAT(findings(service("nice = \"${N}\""), {{"N", "much"}}),
                HasSubstr("expected an integer from -20 to 19"));
}

TEST(Interpolation, LeavesKeysAndCommentsAlone) {
    const Service x = loaded_service("environment = { \"$A\" = \"$A\" } # ${", {{"A", "v"}});
    EXPECT_EQ(x.process.environment.at(0).first, "$A");
    EXPECT_EQ(x.process.environment.at(0).second, EnvironmentValue("v"));
}

TEST(Interpolation, IsBounded) {
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "${N:-";
    deep += std::string(40, '}');
    EXPECT_THAT(expanded(deep), HasSubstr("nested more than 16 deep"));
    const Variables big{{"BIG", std::string(40'000, 'x')}};
    EXPECT_THAT(findings("[host]\nname = \"$BIG$BIG\"", big), HasSubstr("larger than 64 KiB"));
    std::string many = "[service.x]\ncommand = [";
    for (int i = 0; i < 1000; ++i) many += "\"$BIG\",";
    EXPECT_THAT(findings(many + "]", big), HasSubstr("larger than 16 MiB"));
}

}  // namespace
}  // namespace dpsup::config
