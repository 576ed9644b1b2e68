#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

TEST(Launch, IsReadyWhenExecedWithoutProbeOrNotify) {
    Scene scene({service("a")});
    EXPECT_EQ(scene.begin(), "launch a");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.launched("a"), "");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Launch, DoesNotStartWhatIsStartedByHand) {
    Scene scene({service("a").by_hand()});
    EXPECT_EQ(scene.begin(), "");
    EXPECT_EQ(scene.state("a"), "stopped");
    EXPECT_EQ(scene.start({"a"}), "launch a");
}

TEST(Launch, WaitsForReadyWithNotify) {
    Scene scene({service("a").notifies(), service("b").needs("a", Condition::ready)});
    scene.begin();
    EXPECT_EQ(scene.launched("a"), "");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.says_ready("a"), "launch b");
}

TEST(Launch, TakesReadyThatOvertookTheLaunch) {
    Scene scene({service("a").notifies()});
    scene.begin();
    scene.says_ready("a");
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Launch, FollowsTheConditionsOfDependencies) {
    Scene scene({service("a").notifies(), service("on-started").needs("a", Condition::started),
                 service("on-ready").needs("a", Condition::ready), job("j"),
                 service("on-done").needs("j", Condition::done)});
    EXPECT_EQ(scene.begin(), "launch a; launch j");
    EXPECT_EQ(scene.launched("a"), "launch on-started");
    EXPECT_EQ(scene.says_ready("a"), "launch on-ready");
    EXPECT_EQ(scene.launched("j"), "");
    EXPECT_EQ(scene.exited("j", 0), "");
    EXPECT_EQ(scene.emptied("j"), "launch on-done");
    EXPECT_EQ(scene.state("j"), "done");
}

TEST(Launch, DoesNotTakeAFailedJobForDone) {
    Scene scene({job("j").restarts(RestartWhen::never), service("a").needs("j", Condition::done)});
    scene.begin();
    scene.launched("j");
    EXPECT_EQ(scene.ended("j", 1), "");
    EXPECT_EQ(scene.states(), "j failed, a waiting");
}

TEST(Launch, OfADependentComesOnceItsFailedDependencyIsBack) {
    Scene scene({service("a").delays(1s, 1s), service("b").needs("a", Condition::ready)});
    scene.begin();
    scene.launch_failed("a");
    EXPECT_EQ(scene.states(), "a backoff, b waiting");
    EXPECT_EQ(scene.wait(1s), "launch a");
    EXPECT_EQ(scene.launched("a"), "launch b");
}

TEST(Launch, WaitsForAnOptionalDependencyOnlyWhileItIsOnItsWay) {
    Scene scene({service("a").notifies(), service("b").prefers("a", Condition::ready)});
    EXPECT_EQ(scene.begin(), "launch a");
    EXPECT_EQ(scene.state("b"), "waiting");
    EXPECT_EQ(scene.launch_failed("a"), "launch b");
}

TEST(Launch, NeedsNoOptionalDependencyThatIsMissingOrDown) {
    Scene missing({service("b").prefers("nobody", Condition::ready)});
    EXPECT_EQ(missing.begin(), "launch b");
    Scene down({service("a").by_hand(), service("b").prefers("a", Condition::ready)});
    EXPECT_EQ(down.begin(), "launch b");
}

TEST(Launch, NamesWhatItWaitsFor) {
    Scene scene({service("db").by_hand(), service("web").needs("db", Condition::ready)});
    scene.begin();
    EXPECT_EQ(scene.state("web"), "waiting");
    EXPECT_NE(scene.reason("web").find("db"), std::string::npos) << scene.reason("web");
}

TEST(Launch, IsKilledWhenNobodySaysWhetherItHappened) {
    Scene scene({service("a").delays(1s, 1s)});
    scene.begin();
    EXPECT_EQ(scene.wait(29s), "");
    EXPECT_EQ(scene.wait(1s), "kill a");
    EXPECT_EQ(scene.launched("a"), "");  // too late
    EXPECT_EQ(scene.emptied("a"), "");
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(1s), "launch a");
}

TEST(Launch, GivesStageAndErrorOfAFailedExec) {
    Scene scene({service("a")});
    scene.begin();
    scene.launch_failed("a");
    for (const auto* word : {"exec", "/usr/bin/x", "ENOENT"})
        EXPECT_NE(scene.reason("a").find(word), std::string::npos) << scene.reason("a");
}

TEST(Launch, ThatIsNotReadyInTimeIsEnded) {
    Scene scene({service("a").notifies().starts_within(5s).delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.wait(4s), "");
    EXPECT_EQ(scene.wait(1s), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "backoff");
}

TEST(Launch, GetsMoreTimeWhenItAsks) {
    Scene scene({service("a").notifies().starts_within(5s)});
    scene.begin();
    scene.launched("a");
    scene.wait(4s);
    EXPECT_EQ(scene.extends("a", 10s), "");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.says_ready("a"), "");
    EXPECT_EQ(scene.wait(60s), "");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Launch, SaysWhatItWaitsFor) {
    auto patient = probe(ProbeRole::readiness);
    patient.retries = 10;
    Scene scene({service("a").notifies().probed(probe(ProbeRole::startup)).probed(patient)});
    const auto says = [&] { return standing_reason(scene.service_named("a")); };
    const auto probed = [&](std::uint32_t number, ProbeOutcome outcome, const std::string& detail) {
        scene.to_deadline();
        const auto& run = scene.service_named("a").run;
        scene.told("a", 1, Probed{number, run->probes[number].sequence, outcome, detail});
    };
    scene.begin();
    EXPECT_EQ(says(), "launched: wanted up");
    scene.launched("a");
    EXPECT_EQ(says(), "waits for READY=1 (sd_notify); startup probe: not asked yet");
    scene.to_deadline();
    EXPECT_EQ(says(), "waits for READY=1 (sd_notify); startup probe: no answer yet");
    scene.passed("a", 0);
    EXPECT_EQ(says(), "waits for READY=1 (sd_notify); readiness probe: not asked yet");
    scene.says_ready("a");
    probed(1, ProbeOutcome::failed, "connection refused");
    EXPECT_EQ(says(), "readiness probe: connection refused");
    for (int i = 0; i < 2; ++i) probed(1, ProbeOutcome::failed, "connection refused");
    EXPECT_EQ(says(), "readiness probe: connection refused, 3 times");
    probed(1, ProbeOutcome::passed, "");
    EXPECT_EQ(scene.state("a"), "ready");
    EXPECT_EQ(says(), scene.reason("a"));
}

TEST(Launch, SaysWhyItIsUnhealthyNow) {
    auto alerting = probe(ProbeRole::health, OnProbeFailure::alert);
    alerting.successes = 2;
    Scene scene({service("a").probed(alerting)});
    const auto answer = [&](ProbeOutcome outcome, const std::string& detail) {
        scene.to_deadline();
        const auto sequence = scene.service_named("a").run->probes[0].sequence;
        scene.told("a", 1, Probed{0, sequence, outcome, detail});
        return standing_reason(scene.service_named("a"));
    };
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(answer(ProbeOutcome::passed, ""), "health probe: passed 1 of 2 times");
    answer(ProbeOutcome::passed, "");
    EXPECT_EQ(answer(ProbeOutcome::failed, "status 500"), "health probe failed: status 500");
    EXPECT_EQ(scene.state("a"), "unhealthy");
    EXPECT_EQ(answer(ProbeOutcome::failed, "status 503"), "health probe failed: status 503, 2 times");
    EXPECT_EQ(answer(ProbeOutcome::failed, std::string(299, 'x') + "\xc3\xa4").size(),
              std::string("health probe failed: , 3 times").size() + 302);
}

TEST(Launch, HasNoTimeLimitOnceReady) {
    Scene scene({service("a").starts_within(5s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.wait(1h), "");
}

TEST(Job, MustEndWithinItsStartTimeout) {
    Scene scene({job("j").starts_within(5s)});
    scene.begin();
    scene.launched("j");
    EXPECT_EQ(scene.wait(5s), "signal j 15");
}

TEST(Stale, FactsAboutAnEarlierInstanceChangeNothing) {
    Scene scene({service("a").notifies().delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.wait(1s), "launch a");
    Notified ready;
    ready.ready = true;
    for (const Fact& fact :
         {Fact(Launched{1}), Fact(Exited{}), Fact(Emptied{}), Fact(ready), Fact(LaunchFailed{})}) {
        EXPECT_EQ(scene.told("a", 1, fact), "");
        EXPECT_EQ(scene.state("a"), "starting");
    }
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "starting");
}

}  // namespace
}  // namespace dpsup::core
