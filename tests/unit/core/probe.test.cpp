#include "core/supervise/probe.hpp"

#include <gtest/gtest.h>

#include <set>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

constexpr auto restart = OnProbeFailure::restart;
constexpr auto alert = OnProbeFailure::alert;

// One probe, asked and answered by hand.
struct Asked {
    explicit Asked(const ProbePolicy& p) : policy(p) { begin(state, policy, now); }

    // Lets time pass until the probe is due; how long that was.
    Duration due() {
        const auto waited = state.next_at - now;
        now = state.next_at;
        EXPECT_TRUE(run_if_due(state, policy, now));
        return waited;
    }
    ProbeVerdict answer(ProbeOutcome outcome) {
        take_in(state, policy, Probed{0, state.sequence, outcome, ""}, launched_at, now);
        return state.verdict;
    }
    ProbeVerdict ask(ProbeOutcome outcome) {
        due();
        return answer(outcome);
    }

    ProbePolicy policy;
    ProbeState state;
    Instant launched_at{1h};
    Instant now = launched_at;
};

ProbePolicy patient() {
    auto policy = probe(ProbeRole::health);
    policy.interval = 10s;
    policy.retries = 3;
    policy.successes = 2;
    return policy;
}

TEST(Probe, PassesAfterSoManySuccessesInARow) {
    Asked asked(patient());
    EXPECT_EQ(asked.ask(ProbeOutcome::passed), ProbeVerdict::pending);
    EXPECT_EQ(asked.ask(ProbeOutcome::passed), ProbeVerdict::passing);
}

TEST(Probe, FailsAfterSoManyFailuresInARow) {
    Asked asked(patient());
    for (int i = 0; i < 2; ++i) asked.ask(ProbeOutcome::passed);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::passing);
    EXPECT_EQ(asked.ask(ProbeOutcome::passed), ProbeVerdict::passing);  // not in a row any more
    for (int i = 0; i < 2; ++i) EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::passing);
    EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::failing);
    EXPECT_EQ(asked.ask(ProbeOutcome::passed), ProbeVerdict::failing);
    EXPECT_EQ(asked.ask(ProbeOutcome::passed), ProbeVerdict::passing);
}

TEST(Probe, CountsAnUnknownResultNeitherWay) {
    auto policy = patient();
    policy.retries = 2;
    Asked asked(policy);
    for (int i = 0; i < 2; ++i) asked.ask(ProbeOutcome::passed);
    asked.ask(ProbeOutcome::failed);
    EXPECT_EQ(asked.ask(ProbeOutcome::unknown), ProbeVerdict::passing);
    EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::failing);
}

TEST(Probe, RampsUpToTheStartIntervalUntilItPasses) {
    auto policy = probe(ProbeRole::health);
    policy.interval = 10s;
    policy.start_interval = 100ms;
    Asked asked(policy);
    for (const Duration wait : {10ms, 20ms, 40ms, 80ms, 100ms, 100ms}) {
        EXPECT_EQ(asked.due(), wait);
        asked.answer(ProbeOutcome::failed);
    }
    asked.ask(ProbeOutcome::passed);
    EXPECT_EQ(asked.due(), Duration(10s + 10ms)) << "the next multiple of 20 ms";
}

// A daemon with hundreds of probes wakes up for many at once.
TEST(Probe, FallsDueTogetherWithOthersAndNeverTooEarly) {
    auto policy = probe(ProbeRole::health);
    policy.interval = 1s;
    std::set<Instant> dues;
    for (auto offset = 1ms; offset <= 20ms; offset += 1ms) {
        Asked asked(policy);
        asked.due();
        asked.now = asked.launched_at + offset;
        asked.answer(ProbeOutcome::passed);
        dues.insert(asked.state.next_at);
        EXPECT_GE(asked.state.next_at - asked.now, policy.interval);
        EXPECT_LT(asked.state.next_at - asked.now, policy.interval + 20ms);
    }
    EXPECT_EQ(dues.size(), 1U);
}

TEST(Probe, KeepsAShortIntervalToTheMillisecond) {
    auto policy = probe(ProbeRole::health);
    policy.interval = 99ms;
    Asked asked(policy);
    asked.ask(ProbeOutcome::passed);
    EXPECT_EQ(asked.due(), Duration(99ms));
}

TEST(Probe, NeverAsksOftenerThanItsShortInterval) {
    auto policy = probe(ProbeRole::health);
    policy.interval = 5ms;
    Asked asked(policy);
    EXPECT_EQ(asked.due(), Duration(5ms));
}

TEST(Probe, CountsEarlyFailuresOnlyOnceAnInterval) {
    auto policy = probe(ProbeRole::health);
    policy.interval = 10s;
    policy.start_interval = 1s;
    policy.retries = 2;
    Asked asked(policy);
    while (asked.now < asked.launched_at + 19s)
        EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::pending);
    while (asked.now < asked.launched_at + 21s) asked.ask(ProbeOutcome::failed);
    EXPECT_EQ(asked.state.verdict, ProbeVerdict::failing);
}

TEST(Probe, CountsNoFailureBeforeTheEndOfItsStartPeriod) {
    auto policy = probe(ProbeRole::health);
    policy.start_period = 60s;
    Asked asked(policy);
    while (asked.state.next_at < asked.launched_at + 60s)
        EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::pending);
    EXPECT_EQ(asked.ask(ProbeOutcome::failed), ProbeVerdict::failing);
}

TEST(Probe, TakesALostAnswerForUnknownAndAsksAgain) {
    Asked asked(probe(ProbeRole::health));
    asked.due();
    EXPECT_FALSE(run_if_due(asked.state, asked.policy, asked.now));  // one at a time
    const auto first = asked.state.sequence;
    EXPECT_GT(asked.due(), asked.policy.timeout);
    EXPECT_FALSE(take_in(asked.state, asked.policy, Probed{0, first, ProbeOutcome::failed, ""},
                         asked.launched_at, asked.now));
    EXPECT_EQ(asked.answer(ProbeOutcome::passed), ProbeVerdict::passing);
}

// --- in a service ---

TEST(Readiness, ReleasesDependentsAndTakesTheStateBack) {
    Scene scene(
        {service("a").probed(probe(ProbeRole::readiness, alert)), service("b").needs("a", Condition::ready)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.wait(10ms), "probe a 0");
    EXPECT_EQ(scene.passed("a"), "launch b");
    EXPECT_EQ(scene.wait(one_interval), "probe a 0");
    EXPECT_EQ(scene.failed("a"), "");
    EXPECT_EQ(scene.state("a"), "unhealthy");
    scene.wait(one_interval);
    scene.passed("a");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Readiness, NeedsNotifyAndProbeBoth) {
    Scene scene({service("a").notifies().probed(probe(ProbeRole::readiness))});
    scene.begin();
    scene.launched("a");
    scene.says_ready("a");
    EXPECT_EQ(scene.state("a"), "starting");
    scene.wait(10ms);
    scene.passed("a");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Liveness, AloneDoesNotHoldReadinessBack) {
    Scene scene({service("a").probed(probe(ProbeRole::liveness))});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Liveness, FailedRestartsByTheRestartPolicy) {
    Scene scene({service("a").probed(probe(ProbeRole::liveness, restart)).delays(5s, 5s)});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.wait(one_interval);
    EXPECT_EQ(scene.failed("a"), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(5s), "launch a");
}

TEST(Liveness, FailedMeansFailedWhereThePolicyIsNever) {
    Scene scene({service("a").probed(probe(ProbeRole::liveness, restart)).restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.wait(one_interval);
    scene.failed("a");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "failed");
}

TEST(OnFailure, StopLeavesItFailed) {
    Scene scene({service("a").probed(probe(ProbeRole::health, OnProbeFailure::stop)).delays(10ms, 10ms)});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.wait(one_interval);
    EXPECT_EQ(scene.failed("a"), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "failed");
    EXPECT_EQ(scene.wait(1h), "");
}

TEST(OnFailure, AlertOnlyTells) {
    Scene scene({service("a").probed(probe(ProbeRole::health, alert))});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.wait(one_interval);
    EXPECT_EQ(scene.failed("a"), "");
    EXPECT_EQ(scene.state("a"), "unhealthy");
    EXPECT_EQ(scene.service_named("a").health(), Health::failing);
}

TEST(Startup, HoldsTheOthersBackAndRunsOnce) {
    Scene scene({service("a").probed(probe(ProbeRole::liveness)).probed(probe(ProbeRole::startup))});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.wait(10ms), "probe a 1");
    scene.passed("a", 1);
    EXPECT_EQ(scene.state("a"), "ready");
    EXPECT_EQ(scene.wait(10ms), "probe a 0");
    scene.passed("a", 0);
    EXPECT_EQ(scene.wait(3s), "probe a 0");
}

TEST(Probes, BelongToOneInstance) {
    Scene scene({service("a").probed(probe(ProbeRole::health)).delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.wait(one_interval), "launch a");
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.service_named("a").health(), Health::pending);
}

TEST(Probes, EndWithTheStop) {
    Scene scene({service("a").probed(probe(ProbeRole::health)).stops_within(10s)});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.wait(9s), "");
}

}  // namespace
}  // namespace dpsup::core
