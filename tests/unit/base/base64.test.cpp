#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace dpsup {
namespace {

// RFC 4648, section 10.
TEST(Base64, IsAsTheStandardHasIt) {
    const std::vector<std::pair<std::string, std::string>> pairs{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"},
                                                                 {{"\xff\xfe\0", 3}, "//4A"}};
    for (const auto& [bytes, text] : pairs) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(Base64, TakesNothingElseForIt) {
    for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zm 9", "Z=9v", "Zm9v\n"})
        EXPECT_FALSE(from_base64(text)) << text;
}

}  // namespace
}  // namespace dpsup
