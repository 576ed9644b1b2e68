#include "core/postgres/position.hpp"

#include <gtest/gtest.h>

namespace dpsup::core::postgres {
namespace {

Position at(std::uint32_t timeline, std::uint64_t lsn) {
    return {{timeline}, {lsn}};
}

TEST(Diverged, WhereItWentOnBehindTheFork) {
    const std::vector<Fork> forks{{{1}, {0}}, {{2}, {100}}, {{3}, {150}}};
    EXPECT_FALSE(diverged(at(1, 100), {3}, forks));
    EXPECT_TRUE(diverged(at(1, 101), {3}, forks));
    EXPECT_FALSE(diverged(at(2, 150), {3}, forks));
    EXPECT_TRUE(diverged(at(2, 151), {3}, forks));
    EXPECT_FALSE(diverged(at(3, 900), {3}, forks));
}

TEST(Diverged, OnATimelineThatTheLineageDoesNotKnow) {
    EXPECT_TRUE(diverged(at(4, 1), {3}, {}));
}

}  // namespace
}  // namespace dpsup::core::postgres
