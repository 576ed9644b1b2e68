#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

// Fails the current instance; how long it takes until the next is launched.
Duration fails(Scene& scene, const std::string& name) {
    scene.launched(name);
    scene.ended(name, 1);
    return scene.state(name) == "backoff" ? scene.to_deadline() : instant_never - Instant{};
}

TEST(Restart, SlowsDownButNeverStopsTrying) {
    Scene scene({service("a").delays(100ms, 1s)});
    scene.begin();
    for (const Duration delay : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms})
        EXPECT_EQ(fails(scene, "a"), delay);
    for (int i = 0; i < 200; ++i) EXPECT_EQ(fails(scene, "a"), Duration(1s));
}

TEST(Restart, IsQuickAgainAfterAStableRun) {
    Scene scene({service("a").delays(100ms, 10s).stable_after(60s)});
    scene.begin();
    for (int i = 0; i < 5; ++i) fails(scene, "a");
    scene.launched("a");
    scene.wait(60s);
    scene.ended("a", 1);
    EXPECT_EQ(scene.to_deadline(), Duration(100ms));
}

TEST(Restart, IsNotQuickAgainAfterALongLeftover) {
    Scene scene({service("a").delays(100ms, 10s).stable_after(60s).stops_within(100s)});
    scene.begin();
    fails(scene, "a");
    scene.launched("a");
    scene.exited("a", 1);
    scene.wait(90s);  // a child lives on
    scene.emptied("a");
    EXPECT_EQ(scene.to_deadline(), Duration(200ms));
}

TEST(Restart, SpreadsByJitterWithinItsBounds) {
    Duration least = 1h;
    Duration most{};
    for (int i = 0; i < 50; ++i) {
        auto spec = service("s" + std::to_string(i)).delays(10s, 10s);
        spec.restart.jitter = 0.1;
        Scene scene({spec});
        scene.begin();
        const auto delay = fails(scene, spec.name);
        least = std::min(least, delay);
        most = std::max(most, delay);
    }
    EXPECT_GE(least, Duration(9s));
    EXPECT_LE(most, Duration(11s));
    EXPECT_GT(most - least, Duration(500ms));
}

TEST(Restart, WaitsUntilNothingIsLeftOfTheInstance) {
    Scene scene({service("a").delays(10ms, 10ms).stops_within(5s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.exited("a", 1), "");
    EXPECT_EQ(scene.state("a"), "stopping");
    EXPECT_EQ(scene.wait(50ms), "signal-tree a 15");  // a while for the rest to end by itself
    EXPECT_EQ(scene.wait(4950ms), "kill a");
    EXPECT_EQ(scene.emptied("a"), "");
    EXPECT_EQ(scene.wait(10ms), "launch a");
}

TEST(Restart, FollowsAnInstanceWhoseExitWasNotSeen) {
    Scene scene({service("a").delays(10ms, 10ms)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.emptied("a"), "");
    EXPECT_EQ(scene.wait(10ms), "launch a");
}

TEST(RestartPolicy, AlwaysRunsAgainAfterExitZero) {
    Scene scene({service("a").delays(10ms, 10ms)});
    scene.begin();
    scene.launched("a");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(10ms), "launch a");
}

TEST(RestartPolicy, OnFailureLeavesExitZeroDone) {
    Scene scene({service("a").restarts(RestartWhen::on_failure).delays(10ms, 10ms)});
    scene.begin();
    scene.launched("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.wait(10ms), "launch a");
    scene.launched("a");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "done");
    EXPECT_EQ(scene.wait(1h), "");
}

TEST(RestartPolicy, NeverLeavesFailuresToPeople) {
    Scene scene({service("a").restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.state("a"), "failed");
    EXPECT_EQ(scene.wait(24h), "");
    EXPECT_EQ(scene.start({"a"}), "launch a");
}

TEST(RestartPolicy, TreatsAnUnknownExitAsFailure) {
    Scene scene({job("j").restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("j");
    scene.ended("j", 1, Exited{.kind = ExitKind::unknown});
    EXPECT_EQ(scene.state("j"), "failed");
}

TEST(RestartPolicy, GivesUpAfterSoManyRetriesInARow) {
    Scene scene({service("a").delays(10ms, 10ms).gives_up_after(2)});
    scene.begin();
    fails(scene, "a");
    fails(scene, "a");
    scene.launched("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.state("a"), "failed");
    EXPECT_EQ(scene.start({"a"}), "launch a");  // with all retries again
    fails(scene, "a");
    fails(scene, "a");
    EXPECT_EQ(scene.state("a"), "starting");
}

TEST(RestartPolicy, StopForgetsEarlierFailures) {
    Scene scene({service("a").delays(10ms, 10ms).gives_up_after(2)});
    scene.begin();
    fails(scene, "a");
    scene.launched("a");
    scene.ended("a", 1);
    scene.stop({"a"});
    EXPECT_EQ(scene.state("a"), "stopped");
    scene.start({"a"});
    fails(scene, "a");
    fails(scene, "a");
    EXPECT_EQ(scene.state("a"), "starting");
}

TEST(Watchdog, EndsAnInstanceThatFallsSilent) {
    Scene scene({service("a").watched(10s).delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    scene.wait(8s);
    EXPECT_EQ(scene.pings("a"), "");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.wait(1s), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "backoff");
}

// WATCHDOG=1 follows READY=1: while it starts, start_timeout is what bounds it.
TEST(Watchdog, CountsFromReadiness) {
    Scene scene({service("a").notifies().watched(10s).delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.wait(1h), "");
    scene.says_ready("a");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.wait(1s), "signal a 15");
}

// The loop reads sockets and timers in no order that means something.
TEST(Stall, LetsNoTimeOutCountBeforeAllThatWasInTimeIsTold) {
    Scene scene(
        {service("a").notifies().watched(10s).probed(probe(ProbeRole::liveness, OnProbeFailure::alert)),
         service("b").notifies().starts_within(10s).probed(probe(ProbeRole::liveness, OnProbeFailure::alert)),
         service("c").stops_within(10s)});
    scene.begin();
    for (const char* name : {"a", "b", "c"}) scene.launched(name);
    scene.says_ready("a");
    scene.stop({"c"});
    scene.stall(10s);
    scene.told("a", 1, Probed{0, 1, ProbeOutcome::passed, ""});
    scene.told("b", 1, Probed{0, 1, ProbeOutcome::passed, ""});
    scene.says("c", {.stopping = true, .extend_timeout = {}, .main_pid = {}});
    scene.pings("a");
    scene.says_ready("b");
    scene.ended("c", 0);
    EXPECT_EQ(scene.wait(0s).find("signal"), std::string::npos);
    EXPECT_EQ(scene.states(), "a ready, b ready, c stopped");
}

// Its probes say whether it became ready while nobody asked them.
TEST(Stall, LetsAProbeBeAskedOnceMoreBeforeTheStartTimesOut) {
    Scene scene({service("a").starts_within(10s).probed(probe(ProbeRole::readiness, OnProbeFailure::alert)),
                 service("b").starts_within(10s).probed(probe(ProbeRole::readiness, OnProbeFailure::alert))});
    scene.begin();
    scene.launched("a");
    scene.launched("b");
    scene.stall(15s);
    EXPECT_EQ(scene.wait(0s), "probe a 0; probe b 0");
    scene.passed("a");
    scene.failed("b");
    EXPECT_EQ(scene.states(), "a ready, b starting");
    EXPECT_NE(scene.wait(5s).find("signal b 15"), std::string::npos);
    EXPECT_EQ(scene.state("a"), "ready");
}

// It was held up as the daemon was, or waited for a place in its socket.
TEST(Watchdog, GivesTimeAfterAStallOnceInASilence) {
    Scene scene({service("a").watched(10s)});
    scene.begin();
    scene.launched("a");
    for (int round = 0; round < 2; ++round) {
        scene.stall(20s);
        EXPECT_EQ(scene.wait(4s), "");
        scene.pings("a");
    }
    scene.stall(20s);
    EXPECT_EQ(scene.wait(4s), "");
    scene.stall(20s);
    EXPECT_EQ(scene.wait(0s), "signal a 15") << "a daemon that is always late";
}

TEST(Notified, TellsOnlyWhatIsNew) {
    Scene scene({service("a").notifies()});
    scene.begin();
    scene.launched("a");
    scene.says_ready("a");
    EXPECT_EQ(scene.notes().size(), 1U);
    scene.says_ready("a");  // some say so every few seconds
    EXPECT_TRUE(scene.notes().empty());
    scene.says("a", {.reloading = true, .extend_timeout = {}, .main_pid = {}});
    EXPECT_EQ(scene.notes().size(), 1U);
    scene.says("a", {.reloading = true, .extend_timeout = {}, .main_pid = {}});
    EXPECT_TRUE(scene.notes().empty());
    scene.says_ready("a");
    EXPECT_EQ(scene.notes(), std::vector<std::string>{"a: says that it is ready again"});
    scene.says("a", {.stopping = true, .extend_timeout = {}, .main_pid = {}});
    EXPECT_EQ(scene.notes().size(), 1U);
    scene.says("a", {.stopping = true, .extend_timeout = {}, .main_pid = {}});
    EXPECT_TRUE(scene.notes().empty());
}

// A dependency that crashes again and again must not drown what its dependents decided before.
TEST(Waiting, IsToldOnceAndItsReasonStaysFresh) {
    Scene scene({service("db").delays(1s, 1s), service("a").needs("db", Condition::ready)});
    scene.begin();
    EXPECT_NE(scene.reason("a").find("it is starting"), std::string::npos) << scene.reason("a");
    scene.launch_failed("db");
    EXPECT_EQ(scene.notes().size(), 1U) << "only db's own";
    EXPECT_NE(scene.reason("a").find("it is backoff"), std::string::npos) << scene.reason("a");
    scene.wait(1s);
    EXPECT_EQ(scene.launched("db"), "launch a");
}

TEST(Budget, GivesItsBurstAtOnceThenItsRate) {
    Budget budget;
    budget.configure({.burst = 3, .per_second = 2});
    const Instant now(1h);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(budget.reserve(now), now);
    EXPECT_EQ(budget.reserve(now), now + 500ms);
    EXPECT_EQ(budget.reserve(now), now + 1s);
    EXPECT_EQ(budget.reserve(now + 1s), now + 1500ms);  // in the order in which they asked
    EXPECT_EQ(budget.reserve(now + 1h), now + 1h);
}

TEST(Budget, NeverSavesMoreThanItsBurst) {
    Budget budget;
    budget.configure({.burst = 2, .per_second = 1});
    const Instant later(24h);
    EXPECT_EQ(budget.reserve(later), later);
    EXPECT_EQ(budget.reserve(later), later);
    EXPECT_EQ(budget.reserve(later), later + 1s);
}

TEST(Budget, IsNotFilledByApplyingTwoConfigurationsInTurn) {
    Budget budget;
    const RestartBudget large{.burst = 20, .per_second = 1};
    const RestartBudget small{.burst = 5, .per_second = 1};
    budget.configure(large);
    const Instant now{1h};
    int at_once = 0;
    for (int i = 0; i < 100; ++i) {
        budget.configure(i % 2 == 0 ? small : large);
        if (budget.reserve(now) == now) ++at_once;
    }
    EXPECT_LE(at_once, 20);
}

TEST(Budget, BoundsAStormOfServicesThatKeepFailing) {
    std::vector<Spec> specs;
    for (int i = 0; i < 50; ++i) specs.push_back(service("s" + std::to_string(i)).delays(1ms, 1ms));
    Scene scene(specs, {.burst = 5, .per_second = 2});
    scene.begin();
    int launches = 0;
    const Instant end = scene.now() + 10s;
    const auto crash_all = [&] {
        for (const auto& spec : specs) {
            if (scene.state(spec.name) != "starting") continue;
            scene.launched(spec.name);
            scene.ended(spec.name, 1);
            ++launches;
        }
    };
    crash_all();
    while (scene.now() < end) {
        scene.wait(1ms);
        crash_all();
    }
    // 50 first launches and 50 first retries are free; then the burst and 2 a second.
    EXPECT_LE(launches, 50 + 50 + 5 + 20);
    EXPECT_GE(launches, 50 + 50 + 5 + 18);
}

}  // namespace
}  // namespace dpsup::core
