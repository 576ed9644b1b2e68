#include "control/target.hpp"

#include <gtest/gtest.h>

namespace dpsup::control {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Target, IsTakenApartAndDecoded) {
    const auto target = parse_target("/v1/services/a%2Fb%20c?name=x&name=y+z&flag");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, (std::vector<std::string>{"v1", "services", "a/b c"}));
    EXPECT_EQ(target->query, (Pairs{{"name", "x"}, {"name", "y z"}, {"flag", ""}}));
}

TEST(Target, MayEndInASlash) {
    EXPECT_EQ(parse_target("/v1/status/")->path, (std::vector<std::string>{"v1", "status"}));
    EXPECT_TRUE(parse_target("/")->path.empty());
}

TEST(Target, IsRefusedWhereBroken) {
    for (const auto* text : {"", "v1/status", "*", "/a%", "/a%4", "/a%zz", "/a%00b", "/a?b=%g1"}) {
        const auto target = parse_target(text);
        ASSERT_FALSE(target) << text;
        EXPECT_EQ(target.error().code, "invalid_request");
    }
}

}  // namespace
}  // namespace dpsup::control
