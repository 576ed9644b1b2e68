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

// It may run with the configuration of before.
TEST(Crash, RepeatsAReloadOfWhichNobodyHeardWhatCameOfIt) {
    Scene scene({service("a").reloads()});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.change(service("a").reloads(), Change::reload), "reload a");
    scene.crash();
    scene.crash();
    EXPECT_EQ(scene.launched("a"), "reload a");
    scene.told("a", 1, Reloaded{true, ""});
    scene.crash();
    EXPECT_EQ(scene.launched("a"), "");
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
            scene.ended("a", 1, Exited{.kind = ExitKind::unknown});
            EXPECT_EQ(scene.state("a"), "backoff");
        }
    }
}

// Of hundreds that are to be launched only a few are under way at a time.
TEST(Crash, LaunchesAtOnceWhoseTurnHadNotCome) {
    Scene scene({service("a").restarts(RestartWhen::never), service("b").delays(1s, 1min)});
    scene.begin();
    scene.launched("b");
    scene.ended("b", 1);
    EXPECT_EQ(scene.wait(1s), "launch b");
    scene.launch_failed("b");
    EXPECT_EQ(scene.wait(2s), "launch b");
    EXPECT_EQ(scene.crash(), "adopt a; adopt b");
    EXPECT_EQ(scene.told("a", 1, NotLaunched{}), "launch a");
    EXPECT_EQ(scene.told("b", 3, NotLaunched{}), "launch b");
    EXPECT_EQ(scene.service_named("a").restarts, 0U);
    EXPECT_EQ(scene.service_named("b").restarts, 2U);
    EXPECT_EQ(scene.service_named("b").attempt, 2U) << "it neither failed nor succeeded";
    EXPECT_EQ(scene.told("a", 1, NotLaunched{}), "");
    EXPECT_EQ(scene.states(), "a starting, b starting");

    scene.crash();
    scene.stop({"a"});
    EXPECT_EQ(scene.told("a", 2, NotLaunched{}), "");
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Crash, DuringAStopGoesOnWithIt) {
    Scene scene({service("a").stops_within(5s)});
    scene.begin();
    scene.launched("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.crash(), "adopt a");
    EXPECT_EQ(scene.launched("a"), "signal a 15") << "it may not have been sent any more";
    EXPECT_EQ(scene.launched("a"), "") << "a second one means `at once` to many programs";
    scene.told("a", 1, Signaled{});
    EXPECT_EQ(scene.crash(), "adopt a");
    EXPECT_EQ(scene.launched("a"), "") << "it has certainly been sent";
    EXPECT_EQ(scene.wait(5s), "kill a");
    EXPECT_EQ(scene.crash(), "adopt a; kill a");
    scene.emptied("a");
    EXPECT_EQ(scene.state("a"), "stopped");
}

// Nobody asked its probes meanwhile, and nobody heard it; a job needs nobody for getting done.
TEST(Crash, GivesAServiceItsTimeToStartAgain) {
    Scene scene({service("a").notifies().starts_within(10s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.crash(1min), "adopt a");
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.crash(1s), "adopt a");
    EXPECT_EQ(scene.wait(9s), "");
    EXPECT_EQ(scene.wait(1s), "signal a 15");

    Scene other({job("j").starts_within(10s)});
    other.begin();
    other.launched("j");
    EXPECT_EQ(other.crash(1min), "adopt j");
    EXPECT_EQ(other.wait(0s), "signal j 15");
}

TEST(Crash, KeepsTheTimeThatWasAdded) {
    Scene scene({job("j").starts_within(10s).stops_within(5s)});
    scene.begin();
    scene.launched("j");
    scene.extends("j", 10min);
    EXPECT_EQ(scene.crash(1min), "adopt j");
    scene.launched("j");
    EXPECT_EQ(scene.wait(9min - 1s), "");
    EXPECT_EQ(scene.wait(1s), "signal j 15");
    scene.extends("j", 5min);
    EXPECT_EQ(scene.crash(), "adopt j");
    EXPECT_EQ(scene.wait(5min - 1s), "");
    EXPECT_EQ(scene.wait(1s), "kill j");
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
    EXPECT_EQ(scene.crash(), "adopt j");
    EXPECT_EQ(scene.wait(0s), "signal-tree j 15");
    scene.told("j", 1, Exited{.kind = ExitKind::unknown});  // all that the world can say by now
    scene.emptied("j");
    EXPECT_EQ(scene.state("j"), "done");
}

// An instance that ended while no daemon saw it, as the next one is told.
std::string ends_unseen(Scene& scene, const std::string& name) {
    scene.begin();
    scene.launched(name);
    scene.wait(1s);
    scene.crash();
    const std::string effects = scene.told(name, 1, Exited{.kind = ExitKind::unknown});
    return effects + scene.emptied(name);
}

TEST(Crash, TakesAnEndThatNobodySawForAFailureUnlessToldOtherwise) {
    const auto retried =
        "ended after 1.0s, how is not known; counts as failure (restart.on_unknown); retry 1 in 100ms";
    for (const Spec& spec : {service("a"), service("a").restarts(RestartWhen::on_failure), job("a")}) {
        Scene scene({spec});
        EXPECT_EQ(ends_unseen(scene, "a"), "");
        EXPECT_EQ(scene.state("a"), "backoff");
        EXPECT_EQ(scene.reason("a"), retried);
    }
    Scene scene({service("a").restarts(RestartWhen::never)});
    EXPECT_EQ(ends_unseen(scene, "a"), "");
    EXPECT_EQ(scene.state("a"), "failed");
}

TEST(Crash, TakesAnEndThatNobodySawForASuccessWhereToldSo) {
    const auto done = "ended after 1.0s, how is not known; counts as success (restart.on_unknown)";
    for (const Spec& spec : {service("a").restarts(RestartWhen::on_failure),
                             service("a").restarts(RestartWhen::never), job("a")}) {
        Scene scene({Spec(spec).on_unknown(UnknownEnd::success)});
        EXPECT_EQ(ends_unseen(scene, "a"), "");
        EXPECT_EQ(scene.state("a"), "done");
        EXPECT_EQ(scene.reason("a"), done);
    }
    Scene scene({service("a").on_unknown(UnknownEnd::success)});
    EXPECT_EQ(ends_unseen(scene, "a"), "");
    EXPECT_EQ(scene.state("a"), "backoff") << "restart = always restarts after a success too";
    Scene jobs({job("j").on_unknown(UnknownEnd::success), service("a").needs("j", Condition::done)});
    EXPECT_EQ(ends_unseen(jobs, "j"), "launch a") << "its dependents may start";
}

TEST(Crash, NeverTakesForASuccessWhatNobodySawRunning) {
    Scene scene({job("j").on_unknown(UnknownEnd::success)});
    scene.begin();
    scene.crash();
    scene.ended("j", 1, Exited{.kind = ExitKind::unknown});
    EXPECT_EQ(scene.state("j"), "backoff");
}

TEST(Crash, NeverTakesForASuccessWhatMemoryRanOutFor) {
    Scene scene({job("j").on_unknown(UnknownEnd::success)});
    scene.begin();
    scene.launched("j");
    scene.crash();
    scene.ended("j", 1, Exited{.kind = ExitKind::unknown, .out_of_memory = true});
    EXPECT_EQ(scene.state("j"), "backoff");
    EXPECT_NE(scene.reason("j").find("out of memory"), std::string::npos) << scene.reason("j");
}

TEST(Leftover, IsTheServicesInstanceFromNowOn) {
    Scene scene({service("a").notifies().delays(1s, 1s), service("b").needs("a", Condition::ready)});
    scene.begin();
    scene.launched("a");
    scene.says_ready("a");
    scene.launched("b");
    scene.lose_record("a");
    EXPECT_EQ(scene.crash_and_find("a"), "adopt a; adopt b");
    EXPECT_EQ(scene.state("a"), "starting");
    EXPECT_EQ(scene.launched("a"), "") << "nothing is launched beside it";
    EXPECT_EQ(scene.state("a"), "ready") << "it will not say READY=1 again";
    EXPECT_EQ(scene.ended("a", 1, Exited{.kind = ExitKind::unknown}), "");
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(1s), "launch a");
}

TEST(Leftover, OfAnotherInstanceThanTheRecordsIsANewOne) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    scene.crash_and_find("a");
    EXPECT_EQ(scene.ended("a", 1, Exited{.kind = ExitKind::unknown}), "");
    EXPECT_EQ(scene.state("a"), "starting") << "that was the instance on record";
    scene.launched("a");
    EXPECT_EQ(scene.state("a"), "ready");
    EXPECT_EQ(scene.service_named("a").restarts, 1U);
}

TEST(Leftover, OfAServiceThatIsToBeDownIsStopped) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    EXPECT_EQ(scene.crash_and_find("a"), "adopt a; signal a 15");
    EXPECT_EQ(scene.launched("a"), "signal a 15");
    scene.ended("a", 0);
    EXPECT_EQ(scene.state("a"), "stopped");
}

TEST(Crash, GoesOnWithARestartThatWasWanted) {
    Scene scene({service("db"), service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.restart_cascade({"db"}), "signal web 15");
    EXPECT_EQ(scene.crash(), "adopt db; adopt web");
    EXPECT_EQ(scene.launched("db"), "");
    EXPECT_EQ(scene.launched("web"), "signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "signal db 15");
    EXPECT_EQ(scene.ended("db", 0), "launch db");
    EXPECT_EQ(scene.launched("db"), "launch web");
}

}  // namespace
}  // namespace dpsup::core
