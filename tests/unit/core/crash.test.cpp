// The daemon dies at some moment, and another one goes on from what is on record.
#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

constexpr auto alert = OnProbeFailure::alert;

TEST(Crash, LeavesWhatRunsAlone) {
    Scene scene({service("db").probed(probe(ProbeRole::readiness, alert)),
                 service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.wait(10ms);
    scene.passed("db");
    scene.launched("web");
    EXPECT_EQ(scene.crash(), "adopt db; adopt web");
    EXPECT_EQ(scene.states(), "db ready, web ready");
    EXPECT_EQ(scene.launched("db"), "");
    EXPECT_EQ(scene.launched("web"), "");
    EXPECT_EQ(scene.service_named("web").restarts, 0U);
}

TEST(Crash, IsSurvivedByAWellServiceUntilAProbeSaysOtherwise) {
    Scene scene({service("a").probed(probe(ProbeRole::readiness, alert))});
    scene.begin();
    scene.launched("a");
    scene.wait(10ms);
    scene.passed("a");
    scene.crash();
    EXPECT_EQ(scene.wait(1s), "probe a 0");
    scene.failed("a");
    EXPECT_EQ(scene.state("a"), "unhealthy");
}

// What it said meanwhile met nobody, and until the world listens again it says all in vain.
TEST(Crash, CountsTheWatchdogFromWhereItIsHeardAgain) {
    Scene scene({service("a").notifies().watched(10s)});
    scene.begin();
    scene.launched("a");
    scene.says_ready("a");
    scene.crash();
    scene.launched("a");
    EXPECT_EQ(scene.wait(1min), "") << "nobody listens";
    scene.says("a", {.listening = true, .extend_timeout = {}, .main_pid = {}});
    EXPECT_EQ(scene.wait(9s), "");
    scene.pings("a");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.wait(1s), "signal a 15");
}

TEST(Crash, ArmsNoWatchdogOfWhomNobodyHears) {
    Scene scene({service("a").notifies().watched(10s).probed(probe(ProbeRole::readiness, alert))});
    scene.begin();
    scene.launched("a");
    scene.says_ready("a");
    scene.crash();
    scene.launched("a");
    scene.wait(1s);
    scene.passed("a");
    EXPECT_EQ(scene.state("a"), "ready");
    EXPECT_EQ(scene.wait(15s).find("signal"), std::string::npos);
    scene.change(service("a").notifies().watched(5s).probed(probe(ProbeRole::readiness, alert)),
                 Change::update);
    EXPECT_EQ(scene.wait(15s).find("signal"), std::string::npos);
}

// The world says what became of it; whoever was launched meanwhile is not launched again.
TEST(Crash, DuringALaunchAsksWhatBecameOfIt) {
    for (const bool born : {true, false}) {
        Scene scene({service("a").delays(1s, 1s)});
        scene.begin();
        EXPECT_EQ(scene.crash(), "adopt a");
        EXPECT_EQ(scene.state("a"), "starting");
        if (born) {
            EXPECT_EQ(scene.launched("a"), "");
            EXPECT_EQ(scene.state("a"), "ready");
        } else {
            scene.told("a", 1, Exited{.kind = ExitKind::unknown, .tree_empty = true});
            EXPECT_EQ(scene.state("a"), "backoff");
        }
    }
}

TEST(Crash, DuringAStopGoesOnWithIt) {
    Scene scene({service("a").stops_within(5s)});
    scene.begin();
    scene.launched("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.crash(), "adopt a; signal a 15");
    EXPECT_EQ(scene.wait(5s), "kill a");
    EXPECT_EQ(scene.crash(), "adopt a; kill a");
    scene.emptied("a");
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Crash, KeepsTheBackoffAndItsCount) {
    Scene scene({service("a").delays(1s, 1min)});
    scene.begin();
    for (int i = 0; i < 4; ++i) {
        scene.launched("a");
        scene.ended("a", 1);
        EXPECT_EQ(scene.state("a"), "backoff");
        if (i < 3) scene.to_deadline();
    }
    EXPECT_EQ(scene.service_named("a").restarts, 3U);
    EXPECT_EQ(scene.crash(), "");
    EXPECT_EQ(scene.wait(7s), "");
    EXPECT_EQ(scene.wait(1s), "launch a");
    EXPECT_EQ(scene.service_named("a").restarts, 4U);
}

TEST(Crash, RunsNoFinishedJobAgainAndLeavesTheFailedAlone) {
    Scene scene({job("j"), service("a").restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("j");
    scene.ended("j", 0);
    scene.launched("a");
    scene.ended("a", 1);
    EXPECT_EQ(scene.crash(), "");
    EXPECT_EQ(scene.states(), "j done, a failed");
}

// Its main process had ended, others of its tree lived on: how it ended is on record.
TEST(Crash, KeepsAnExitThatWasSeen) {
    Scene scene({job("j").restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("j");
    scene.exited("j", 0);
    EXPECT_EQ(scene.crash(), "adopt j; signal-tree j 15");
    scene.told("j", 1, Exited{.kind = ExitKind::unknown});  // all that the world can say by now
    scene.emptied("j");
    EXPECT_EQ(scene.state("j"), "done");
}

TEST(Crash, GoesOnWithARestartThatWasWanted) {
    Scene scene({service("db"), service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.restart_cascade({"db"}), "signal web 15");
    EXPECT_EQ(scene.crash(), "adopt db; adopt web; signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "signal db 15");
    EXPECT_EQ(scene.ended("db", 0), "launch db");
    EXPECT_EQ(scene.launched("db"), "launch web");
}

}  // namespace
}  // namespace dpsup::core
