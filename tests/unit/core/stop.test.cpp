#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

Scene chain() {
    Scene scene({service("db"), service("web").needs("db", Condition::ready),
                 service("proxy").needs("web", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    scene.launched("proxy");
    return scene;
}

TEST(Stop, AsksThenKillsUntilNothingIsLeft) {
    Scene scene({service("a").stops_within(10s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.stop({"a"}), "signal a 15");
    EXPECT_EQ(scene.state("a"), "stopping");
    EXPECT_EQ(scene.wait(9999ms), "");
    EXPECT_EQ(scene.wait(1ms), "kill a");
    EXPECT_EQ(scene.wait(1s), "kill a");  // in case it was lost
    EXPECT_EQ(scene.state("a"), "stopping");
    scene.emptied("a");
    EXPECT_EQ(scene.state("a"), "stopped");
    EXPECT_EQ(scene.wait(24h), "");
}

TEST(Stop, SendsTheConfiguredSignal) {
    auto spec = service("a");
    spec.stop_signal = 2;
    Scene scene({spec});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.stop({"a"}), "signal a 2");
}

TEST(Stop, KillsAtOnceWithoutPatience) {
    Scene scene({service("a").stops_within(0s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.stop({"a"}), "kill a");
}

TEST(Stop, TakesTheCommandsTimeout) {
    Scene scene({service("a").stops_within(10s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.command({.verb = Verb::stop, .services = {}, .stop_timeout = 2s, .by = {}}, {"a"}),
              "signal a 15");
    EXPECT_EQ(scene.wait(2s), "kill a");
}

TEST(Stop, IsNotOverWhileChildrenLive) {
    Scene scene({service("a").stops_within(10s)});
    scene.begin();
    scene.launched("a");
    scene.stop({"a"});
    scene.exited("a", 0);
    EXPECT_EQ(scene.state("a"), "stopping");
    EXPECT_EQ(scene.wait(1s), "signal-tree a 15");
    EXPECT_EQ(scene.wait(9s), "kill a");
    scene.emptied("a");
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Stop, MeetsAnInstanceThatIsBeingLaunched) {
    Scene scene({service("a")});
    scene.begin();
    scene.stop({"a"});
    EXPECT_EQ(scene.state("a"), "stopping");
    EXPECT_EQ(scene.launched("a"), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "stopped");
    EXPECT_EQ(scene.wait(1h), "");
}

TEST(Stop, EndsTheRetryOfABackoff) {
    Scene scene({service("a").delays(1s, 1s)});
    scene.begin();
    scene.launch_failed("a");
    EXPECT_EQ(scene.stop({"a"}), "");
    EXPECT_EQ(scene.state("a"), "stopped");
    EXPECT_EQ(scene.wait(1h), "");
}

TEST(Stop, EndsAWait) {
    Scene scene({service("a").notifies(), service("b").needs("a", Condition::ready)});
    scene.begin();
    scene.stop({"b"});
    scene.launched("a");
    EXPECT_EQ(scene.says_ready("a"), "");
    EXPECT_EQ(scene.state("b"), "stopped");
}

TEST(Stop, WithoutCascadeLeavesDependentsRunning) {
    auto scene = chain();
    EXPECT_EQ(scene.stop({"db"}), "signal db 15");
    scene.ended("db", 0);
    EXPECT_EQ(scene.states(), "db stopped, web ready, proxy ready");
}

TEST(Stop, WithCascadeEndsDependentsFirst) {
    auto scene = chain();
    EXPECT_EQ(scene.stop_cascade({"db"}), "signal proxy 15");
    EXPECT_EQ(scene.exited("proxy", 0), "");
    EXPECT_EQ(scene.emptied("proxy"), "signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "signal db 15");
    scene.ended("db", 0);
    EXPECT_EQ(scene.states(), "db stopped, web stopped, proxy stopped");
}

TEST(Stop, IsUndoneByAStartBeforeItCouldBegin) {
    auto scene = chain();
    scene.stop_cascade({"db"});
    EXPECT_EQ(scene.start({"db"}), "");
    scene.ended("proxy", 0);
    EXPECT_EQ(scene.ended("web", 0), "");
    EXPECT_EQ(scene.state("db"), "ready");
}

TEST(Stop, ThenStartLaunchesOnceTheOldInstanceIsGone) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.start({"a"}), "");
    EXPECT_EQ(scene.exited("a", 0), "");
    EXPECT_EQ(scene.emptied("a"), "launch a");
}

TEST(Stop, OfAFailedServiceClearsTheFailure) {
    Scene scene({service("a").restarts(RestartWhen::never)});
    scene.begin();
    scene.launch_failed("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Shutdown, StopsInReverseOrderAndTellsOnce) {
    auto scene = chain();
    EXPECT_EQ(scene.shut_down(), "signal proxy 15");
    EXPECT_EQ(scene.ended("proxy", 0), "signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "signal db 15");
    EXPECT_FALSE(scene.all_stopped());
    scene.ended("db", 0);
    EXPECT_TRUE(scene.all_stopped());
}

TEST(Shutdown, ChangesNothingThatIsWanted) {
    auto scene = chain();
    scene.shut_down();
    EXPECT_EQ(scene.remembered(), "");
    EXPECT_EQ(scene.service_named("db").wanted, Wanted::up);
}

TEST(Shutdown, StartsNothingAnyMore) {
    Scene scene({service("a").delays(1s, 1s), service("b")});
    scene.begin();
    scene.launch_failed("a");
    scene.launched("b");
    EXPECT_EQ(scene.shut_down(), "signal b 15");
    EXPECT_EQ(scene.wait(5s), "");
    EXPECT_FALSE(scene.supervisor().check(
        {.verb = Verb::start, .services = {scene.id("a")}, .stop_timeout = {}, .by = {}}));
}

TEST(Shutdown, OfAnIdleHostIsOverAtOnce) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    scene.shut_down();
    EXPECT_TRUE(scene.all_stopped());
}

}  // namespace
}  // namespace dpsup::core
