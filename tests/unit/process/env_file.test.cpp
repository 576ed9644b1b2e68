#include "io/process/env_file.hpp"

#include <gtest/gtest.h>

namespace dpsup::io {
namespace {

Variables parsed(std::string_view text, Variables variables = {}) {
    const auto result = parse_env_file(text, variables);
    EXPECT_TRUE(result) << result.error().message;
    return variables;
}

std::string error_of(std::string_view text) {
    Variables variables;
    const auto result = parse_env_file(text, variables);
    return result ? "" : result.error().message;
}

TEST(EnvFile, ReadsWhatComposeReads) {
    const auto variables = parsed(
        "\xef\xbb\xbf# comment\n\nPLAIN=some text  \nexport EXPORTED=1\nSPACED = x\nEMPTY=\n  INDENTED=y # "
        "why\nHASH=a#b\n"
        "discovery.type=single-node\r\nYAML: z\nLONE\n");
    EXPECT_EQ(variables, (Variables{{"PLAIN", "some text"},
                                    {"EXPORTED", "1"},
                                    {"SPACED", "x"},
                                    {"EMPTY", ""},
                                    {"INDENTED", "y"},
                                    {"HASH", "a#b"},
                                    {"discovery.type", "single-node"},
                                    {"YAML", "z"}}));
}

TEST(EnvFile, QuotesMeanWhatTheyMeanInCompose) {
    const auto variables = parsed("S='a $X \\n # b' # c\nD=\"a\\tb\\\"c\\\\d\\$e\nf\"\nE=\"\"\n");
    EXPECT_EQ(variables.at("S"), "a $X \\n # b");
    EXPECT_EQ(variables.at("D"), "a\tb\"c\\d$e\nf");
    EXPECT_EQ(variables.at("E"), "");
}

TEST(EnvFile, RefersToWhatIsThere) {
    const auto variables =
        parsed("A=$X-${X}\nB=${NO:-d}${NO-e}${EMPTY:-f}${EMPTY-g}\nC=\"$A\"\nD=$$X\nE=5$\n",
               {{"X", "1"}, {"EMPTY", ""}});
    EXPECT_EQ(variables.at("A"), "1-1");
    EXPECT_EQ(variables.at("B"), "def");
    EXPECT_EQ(variables.at("C"), "1-1");
    EXPECT_EQ(variables.at("D"), "$X");
    EXPECT_EQ(variables.at("E"), "5$");
}

TEST(EnvFile, NamesTheLineThatIsWrong) {
    EXPECT_EQ(error_of("A=1\n=2\n"), "line 2: expected NAME=value");
    EXPECT_EQ(error_of("A=1\nB C\n"), "line 2: expected \"=\" after \"B\"");
    EXPECT_NE(error_of("A=\"x\n"), "");
    EXPECT_NE(error_of("A='x"), "");
    EXPECT_NE(error_of("A='x'y"), "");
    EXPECT_NE(error_of("A=${"), "");
    EXPECT_NE(error_of("A=${X\n}"), "");
    EXPECT_NE(error_of("A=${X:?must}"), "");
}

}  // namespace
}  // namespace dpsup::io
