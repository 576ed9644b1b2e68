// What a signal to end means for the services.
#include "core/lifecycle/end.hpp"

#include <gmock/gmock.h>

namespace dpsup::core {
namespace {

using Services = EndVerdict::Services;
using testing::HasSubstr;

UnitAnswer with_job(const std::string& job, const std::string& manager_state = "running") {
    return {.ours = true, .job = job, .manager_state = manager_state};
}

TEST(End, WithoutSystemdStopsTheServices) {
    for (const auto& answer : {std::optional<UnitAnswer>(), std::optional(with_job("restart"))}) {
        const EndVerdict verdict = judge_end(false, answer, false);
        EXPECT_EQ(verdict.services, Services::stop);
        EXPECT_TRUE(verdict.clear);
    }
}

// A shell in a unit hands $NOTIFY_SOCKET on: what systemd does with that unit is not about us.
TEST(End, OfAProcessThatSystemdDidNotStartItselfStopsTheServices) {
    EXPECT_EQ(judge_end(true, UnitAnswer{}, false).services, Services::stop);
    UnitAnswer foreign = with_job("restart");
    foreign.ours = false;
    EXPECT_EQ(judge_end(true, foreign, false).services, Services::stop);
}

TEST(End, ByAStopJobStopsTheServices) {
    const EndVerdict verdict = judge_end(true, with_job("stop"), false);
    EXPECT_EQ(verdict.services, Services::stop);
    EXPECT_TRUE(verdict.clear);
}

TEST(End, ByAStopJobLeavesThemWhereThatWasAskedFor) {
    const EndVerdict verdict = judge_end(true, with_job("stop"), true);
    EXPECT_EQ(verdict.services, Services::leave);
    EXPECT_TRUE(verdict.clear);
}

TEST(End, ByAJobThatBringsDpsupdBackLeavesThem) {
    for (const char* job : {"restart", "try-restart", "start"}) {
        const EndVerdict verdict = judge_end(true, with_job(job), false);
        EXPECT_EQ(verdict.services, Services::leave) << job;
        EXPECT_TRUE(verdict.clear) << job;
    }
}

TEST(End, OfTheWholeSystemStopsTheServicesWhateverTheJob) {
    for (const bool leave_asked : {false, true})
        for (const char* job : {"", "stop", "restart", "start", "nop"})
            EXPECT_EQ(judge_end(true, with_job(job, "stopping"), leave_asked).services, Services::stop)
                << job;
    for (const char* state : {"running", "degraded", "starting", "maintenance", "offline", ""})
        EXPECT_EQ(judge_end(true, with_job("", state), false).services, Services::leave) << state;
}

TEST(End, ThatNobodyExplainsLeavesThemAndSaysSo) {
    EXPECT_EQ(judge_end(true, std::nullopt, false),
              (EndVerdict{Services::leave, false, "systemd did not tell why dpsupd is to end"}));
    EXPECT_THAT(judge_end(true, with_job(""), false).reason, HasSubstr("no job"));
    for (const char* job : {"", "reload", "nop", "verify-active", "stopp", "STOP"}) {
        const EndVerdict verdict = judge_end(true, with_job(job), false);
        EXPECT_EQ(verdict.services, Services::leave) << job;
        EXPECT_FALSE(verdict.clear) << job;
        EXPECT_THAT(verdict.reason, HasSubstr(job));
    }
}

}  // namespace
}  // namespace dpsup::core
