#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace dpsup {
namespace {

TEST(Utf8, KnowsWellFormedCharacters) {
    for (const auto* whole : {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_EQ(utf8_length(whole), std::string_view(whole).size()) << whole;
        EXPECT_EQ(utf8_length(std::string(whole) + "x"), std::string_view(whole).size()) << whole;
        EXPECT_TRUE(is_utf8(whole));
    }
}

TEST(Utf8, TakesNothingElseForOne) {
    for (const auto* broken :
         {"", "\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"})
        EXPECT_EQ(utf8_length(broken), 0U) << broken;
    EXPECT_EQ(made_utf8("a\xff\xc3\xa9\xe2\x82"), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace dpsup
