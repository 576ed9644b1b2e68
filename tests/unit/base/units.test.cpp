#include "base/units.hpp"

#include <gtest/gtest.h>

namespace dpsup {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsWhatPeopleWrite) {
    EXPECT_EQ(parse_duration("250ms"), Duration(250ms));
    EXPECT_EQ(parse_duration("1m30s"), Duration(90s));
    EXPECT_EQ(parse_duration("1.5s"), Duration(1500ms));
    EXPECT_EQ(parse_duration("0"), Duration(0));
    EXPECT_EQ(parse_duration("2d"), Duration(48h));
}

TEST(Duration, RefusesWhatCouldMeanTwoThings) {
    for (const auto* text : {"", "10", "10 s", "s", "-1s", "1x", "1e3s", "inf", "1s2", "999999999999d"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, FormatsSoThatItReadsBack) {
    for (const Duration duration : {Duration(0), Duration(90s), Duration(250ms), Duration(49h + 1ns)})
        EXPECT_EQ(parse_duration(format_duration(duration)), duration) << format_duration(duration);
    EXPECT_EQ(format_duration(90s), "1m30s");
}

TEST(Duration, RoundsForPeople) {
    EXPECT_EQ(format_duration_rounded(1300ms), "1.3s");
    EXPECT_EQ(format_duration_rounded(12ms), "12ms");
    EXPECT_EQ(format_duration_rounded(900us), "1ms");
    EXPECT_EQ(format_duration_rounded(400us), "0s");
    EXPECT_EQ(format_duration_rounded(0s), "0s");
    EXPECT_EQ(format_duration_rounded(76h), "3d 4h");
    EXPECT_EQ(format_duration_rounded(120s), "2m");
}

TEST(Size, KnowsBinaryAndDecimalUnits) {
    EXPECT_EQ(parse_size("64MiB"), 64U << 20U);
    EXPECT_EQ(parse_size("1.5GiB"), 1536ULL << 20U);
    EXPECT_EQ(parse_size("64kB"), 64000U);
    EXPECT_EQ(parse_size("2g"), 2ULL << 30U);
    EXPECT_EQ(parse_size("512"), 512U);
    for (const auto* text : {"", "MiB", "-1", "1 XB", "1e30", "99999999TiB"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(WallClock, PrintsUtcWithMilliseconds) {
    EXPECT_EQ(format_wall_time(WallTime(1767225600123ms)), "2026-01-01T00:00:00.123Z");
}

}  // namespace
}  // namespace dpsup
