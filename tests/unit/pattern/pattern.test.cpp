#include "base/pattern/pattern.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace dpsup {
namespace {

Pattern::Match search(const char* pattern, std::string_view line) {
    const auto compiled = Pattern::compile(pattern);
    EXPECT_TRUE(compiled) << pattern;
    return compiled ? compiled->search(line) : Pattern::Match::no;
}

TEST(Pattern, FindsWhatPeopleLookForInLogs) {
    EXPECT_EQ(search(R"(ready to accept connections$)", "LOG:  database is ready to accept connections"),
              Pattern::Match::yes);
    EXPECT_EQ(search(R"(^Started .* in \d+(\.\d+)? seconds)", "Started Server in 12.5 seconds (JVM ...)"),
              Pattern::Match::yes);
    EXPECT_EQ(search(R"((?:listening|bound) on (?=port))", "bound on port 80"), Pattern::Match::yes);
    EXPECT_EQ(search(R"((a)|(b)\2)", "xbb"), Pattern::Match::yes);
    EXPECT_EQ(search(R"(\bready\b)", "not already"), Pattern::Match::no);
    EXPECT_EQ(search(R"(bereit für)", "bereit für Verbindungen"), Pattern::Match::yes);
}

TEST(Pattern, SaysWhereABadOneIsBad) {
    const auto compiled = Pattern::compile("ready(");
    ASSERT_FALSE(compiled);
    EXPECT_EQ(compiled.error().code, "bad_pattern");
    EXPECT_NE(compiled.error().message.find("at character 7: missing closing parenthesis"), std::string::npos)
        << compiled.error().message;
    EXPECT_FALSE(Pattern::compile(std::string(5000, 'a')));
}

TEST(Pattern, GivesUpOnCatastrophicBacktracking) {
    const auto pattern = Pattern::compile("(x+x+)+[yz]");
    ASSERT_TRUE(pattern);
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(pattern->search(std::string(4096, 'x')), Pattern::Match::too_costly);
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST(Pattern, SurvivesLinesThatAreLongAndBytesThatAreNoText) {
    std::string line(1 << 20, '\xff');
    line[500] = '\0';
    EXPECT_NE(search("(.|\n)*ready", line + "ready"), Pattern::Match::no);
    EXPECT_EQ(search("ready$", line + "ready"), Pattern::Match::yes);
}

}  // namespace
}  // namespace dpsup
