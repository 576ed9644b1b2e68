#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

TEST(Configuration, UpdateRestartsNothing) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.change(service("a").stops_within(3s), Change::update), "");
    EXPECT_EQ(scene.state("a"), "ready");
    scene.stop({"a"});
    EXPECT_EQ(scene.wait(3s), "kill a");
}

TEST(Configuration, RestartReplacesTheInstanceAfterItsEnd) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.change(service("a"), Change::restart), "signal a 15");
    EXPECT_EQ(scene.ended("a", 0), "launch a");
}

TEST(Configuration, RestartStartsNothingThatIsWantedDown) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    EXPECT_EQ(scene.change(service("a"), Change::restart), "");
    EXPECT_EQ(scene.wait(1h), "");
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Configuration, ReloadTellsTheRunningInstance) {
    Scene scene({service("a").reloads()});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.change(service("a").reloads(), Change::reload), "reload a");
}

TEST(Configuration, RemovedServicesStopAndAreForgotten) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.remove("a"), "signal a 15");
    EXPECT_EQ(scene.exited("a", 0), "");
    const auto id = scene.id("a");
    const auto forgotten = scene.wait(60s);
    EXPECT_EQ(forgotten.find("forget"), std::string::npos) << forgotten;
    EXPECT_NE(scene.supervisor().find(id), nullptr);
    EXPECT_EQ(scene.told("a", 1, Emptied{}), "forget a");
    EXPECT_EQ(scene.supervisor().find(id), nullptr);
}

TEST(Configuration, RemovalOfAnIdleServiceIsImmediate) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    EXPECT_EQ(scene.remove("a"), "forget a");
}

TEST(Configuration, ANewServiceOfTheNameWaitsForTheOldOneToEnd) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    const auto old = scene.id("a");
    scene.remove("a");
    EXPECT_EQ(scene.add(service("a")), "");
    EXPECT_EQ(scene.state("a"), "waiting");
    const auto fresh = scene.id("a");
    EXPECT_NE(old, fresh);
    EXPECT_EQ(scene.remove("a"), "forget a");  // never ran
    EXPECT_EQ(scene.add(service("a")), "");    // the first one still runs
    EXPECT_EQ(scene.state("a"), "waiting");
}

TEST(Configuration, AnAddedDependencyOnlyConcernsTheNextLaunch) {
    Scene scene({service("db").by_hand(), service("web")});
    scene.begin();
    scene.launched("web");
    EXPECT_EQ(scene.change(service("web").needs("db", Condition::ready), Change::update), "");
    EXPECT_EQ(scene.state("web"), "ready");
    EXPECT_EQ(scene.restart({"web"}), "signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "");
    EXPECT_EQ(scene.state("web"), "waiting");
}

TEST(Configuration, ADroppedDependencyFreesWhoWaitedForIt) {
    Scene scene({service("db").by_hand(), service("web").needs("db", Condition::ready)});
    scene.begin();
    EXPECT_EQ(scene.change(service("web"), Change::update), "launch web");
}

TEST(Configuration, ADroppedDependentFreesTheStopOfItsDependency) {
    Scene scene({service("db"), service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.stop_cascade({"db"}), "signal web 15");
    EXPECT_EQ(scene.change(service("web"), Change::update), "signal db 15");
}

TEST(Configuration, AServiceIsReadyOnceTheProbeItFailedIsGone) {
    Scene scene({service("a").probed(probe(ProbeRole::readiness, OnProbeFailure::alert))});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "starting");
    scene.change(service("a"), Change::update);
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Configuration, AWellServiceStaysWellUnderNewProbes) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    scene.change(service("a").probed(probe(ProbeRole::readiness, OnProbeFailure::alert)), Change::update);
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(Configuration, AnUnhealthyServiceIsNotMadeWellByNewProbes) {
    auto policy = service("a").probed(probe(ProbeRole::readiness, OnProbeFailure::alert));
    Scene scene({policy, service("b").needs("a", Condition::ready).by_hand()});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.wait(one_interval);
    scene.failed("a");
    ASSERT_EQ(scene.state("a"), "unhealthy");
    scene.start({"b"});
    policy.probes[0].timeout += 1s;
    scene.change(policy, Change::update);
    EXPECT_EQ(scene.states(), "a unhealthy, b waiting");
    scene.wait(1s);
    EXPECT_EQ(scene.passed("a"), "launch b");
}

TEST(Configuration, AnswersToReplacedProbesCountForNothing) {
    const auto with = service("a").probed(probe(ProbeRole::readiness, OnProbeFailure::alert));
    Scene scene({with});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.wait(10ms), "probe a 0");
    scene.change(service("a").notifies(), Change::update);
    auto other = with;
    other.notify = true;
    other.probes[0].retries = 5;
    scene.change(other, Change::update);
    EXPECT_EQ(scene.wait(10ms), "probe a 0");
    scene.told("a", 1, Probed{0, 1, ProbeOutcome::passed, ""});  // of the first probe
    EXPECT_EQ(scene.service_named("a").health(), Health::pending);
}

TEST(Configuration, ANewStartTimeoutHoldsAtOnce) {
    Scene scene({service("a").notifies()});
    scene.begin();
    scene.launched("a");
    scene.wait(2s);
    scene.change(service("a").notifies().starts_within(5s), Change::update);
    EXPECT_EQ(scene.wait(3s), "signal a 15");
}

TEST(Configuration, AFinishedJobIsNotRunAgainAfterTheDaemonsRestart) {
    Supervisor supervisor;
    Policy done = job("j");
    Policy after = service("a").needs("j", Condition::done);
    const auto output =
        supervisor.step(ConfigLoaded{{{Change::add, ServiceId{1}, done, "", true, true, {}},
                                      {Change::add, ServiceId{2}, after, "", std::nullopt, false, {}}},
                                     {}},
                        Instant(1h));
    ASSERT_EQ(output.effects.size(), 1U);
    EXPECT_EQ(output.effects[0].service, ServiceId{2});
}

TEST(Configuration, WhatIsRememberedBeatsAutostart) {
    Supervisor supervisor;
    const auto output = supervisor.step(
        ConfigLoaded{{{Change::add, ServiceId{1}, service("a"), "", false, false, {}}}, {}}, Instant(1h));
    EXPECT_TRUE(output.effects.empty());
    EXPECT_EQ(supervisor.find(ServiceId{1})->wanted, Wanted::down);
}

TEST(Deadlines, AskingTwiceChangesNothing) {
    Scene scene({service("a").probed(probe(ProbeRole::health)), service("b").delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    scene.launch_failed("b");
    scene.wait(500ms);
    const auto next = scene.supervisor().next_deadline();
    EXPECT_EQ(scene.wait(0s), "");
    EXPECT_EQ(scene.supervisor().next_deadline(), next);
    EXPECT_GT(next, scene.now());
}

TEST(Deadlines, AnIdleHostHasNone) {
    Scene scene({service("a"), job("j")});
    scene.begin();
    scene.launched("a");
    scene.launched("j");
    scene.ended("j", 0);
    EXPECT_EQ(scene.supervisor().next_deadline(), instant_never);
}

}  // namespace
}  // namespace dpsup::core
