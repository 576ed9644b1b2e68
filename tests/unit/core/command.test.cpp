#include <gtest/gtest.h>

#include "core/supervise/target.hpp"
#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

TEST(Start, RetriesABackoffAtOnce) {
    Scene scene({service("a").delays(1h, 1h)});
    scene.begin();
    scene.launch_failed("a");
    EXPECT_EQ(scene.start({"a"}), "launch a");
}

TEST(Start, OfADoneJobDoesNothing) {
    Scene scene({job("j")});
    scene.begin();
    scene.launched("j");
    scene.ended("j", 0);
    EXPECT_EQ(scene.start({"j"}), "");
    EXPECT_EQ(scene.state("j"), "done");
}

TEST(Start, WithoutCascadeLeavesDependenciesAlone) {
    Scene scene({service("db").by_hand(), service("web").needs("db", Condition::ready).by_hand()});
    scene.begin();
    EXPECT_EQ(scene.start({"web"}), "");
    EXPECT_EQ(scene.states(), "db stopped, web waiting");
}

TEST(Start, WithCascadeBringsDependenciesUp) {
    Scene scene({service("db").by_hand(), service("web").needs("db", Condition::ready).by_hand(),
                 service("other").by_hand()});
    scene.begin();
    EXPECT_EQ(scene.start_cascade({"web"}), "launch db");
    EXPECT_EQ(scene.launched("db"), "launch web");
    EXPECT_EQ(scene.state("other"), "stopped");
}

TEST(Start, IsRememberedOnlyWhereItChangesSomething) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    scene.start({"a"});
    EXPECT_EQ(scene.remembered(), "a");
    scene.start({"a"});
    EXPECT_EQ(scene.remembered(), "");
    scene.stop({"a"});
    EXPECT_EQ(scene.remembered(), "a");
}

TEST(Restart, ReplacesTheInstanceAtOnce) {
    Scene scene({service("a").delays(1h, 1h)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.restart({"a"}), "signal a 15");
    EXPECT_EQ(scene.ended("a", 1), "launch a");
}

TEST(Restart, RerunsADoneJobAndRemembersThatItIsDoneNoMore) {
    Scene scene({job("j"), service("a").needs("j", Condition::done).by_hand()});
    scene.begin();
    scene.launched("j");
    scene.ended("j", 0);
    EXPECT_EQ(scene.remembered(), "j");
    EXPECT_EQ(scene.restart({"j"}), "launch j");
    EXPECT_EQ(scene.remembered(), "j");
    scene.start({"a"});
    EXPECT_EQ(scene.state("a"), "waiting");
}

TEST(Restart, OfAStoppedServiceStartsIt) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    EXPECT_EQ(scene.restart({"a"}), "launch a");
}

TEST(Restart, WhileWaitingGoesOnWaiting) {
    Scene scene({service("a").notifies(), service("b").needs("a", Condition::ready)});
    scene.begin();
    EXPECT_EQ(scene.restart({"b"}), "");
    EXPECT_EQ(scene.state("b"), "waiting");
    scene.launched("a");
    EXPECT_EQ(scene.says_ready("a"), "launch b");
    EXPECT_EQ(scene.launched("b"), "");  // once only
    EXPECT_EQ(scene.state("b"), "ready");
}

TEST(Restart, WithCascadeGoesDownThenUpInOrder) {
    Scene scene({service("db"), service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.restart_cascade({"db"}), "signal web 15");
    EXPECT_EQ(scene.ended("web", 0), "signal db 15");
    EXPECT_EQ(scene.ended("db", 0), "launch db");
    EXPECT_EQ(scene.launched("db"), "launch web");
}

TEST(Restart, WithCascadeNeverStartsAStoppedDependent) {
    Scene scene({service("db"), service("web").needs("db", Condition::ready)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    scene.stop({"web"});  // still stopping when the restart comes
    scene.restart_cascade({"db"});
    scene.ended("web", 0);
    scene.ended("db", 0);
    EXPECT_EQ(scene.launched("db"), "");
    EXPECT_EQ(scene.state("web"), "stopped");
}

TEST(Kill, SignalsTheWholeTreeAndChangesNoWish) {
    Scene scene({service("a").delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.command({.verb = Verb::kill, .services = {}, .stop_timeout = {}, .signal = 10, .by = {}},
                            {"a"}),
              "signal-tree a 10");
    EXPECT_EQ(scene.state("a"), "ready");
    scene.ended("a", 137);
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(1s), "launch a");
}

// All of the tree at once: one by one, a fork bomb would outrun it.
TEST(Kill, BySigkillIsTheKernels) {
    Scene scene({service("a").delays(1s, 1s)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(
        scene.command({.verb = Verb::kill, .services = {}, .stop_timeout = {}, .signal = 9, .by = {}}, {"a"}),
        "kill a");
    scene.ended("a", 137);
    EXPECT_EQ(scene.wait(1s), "launch a");
}

TEST(Start, OfAServiceThatEndedSuccessfullyLaunchesIt) {
    Scene scene({service("a").restarts(RestartWhen::on_failure),
                 service("b").needs("a", Condition::started).on_loss(OnDependencyLoss::stop)});
    scene.begin();
    scene.launched("a");
    scene.launched("b");
    EXPECT_EQ(scene.ended("a", 0), "signal b 15");  // nobody is there any more
    EXPECT_EQ(scene.state("a"), "done");
    scene.ended("b", 0);
    EXPECT_EQ(scene.state("b"), "waiting");
    EXPECT_EQ(scene.start({"a"}), "launch a");
    EXPECT_EQ(scene.launched("a"), "launch b");
}

TEST(Start, ThatOvertakesAStopSaysSo) {
    Scene scene({service("a")});
    scene.begin();
    scene.launched("a");
    scene.stop({"a"});
    scene.start({"a"});
    EXPECT_EQ(scene.ended("a", 0), "launch a");
    EXPECT_EQ(scene.reason("a").find("launched: started by "), 0U) << scene.reason("a");
}

// What dpsupctl reload --wait waits for.
TEST(Reload, IsOverOnceItWasAnswered) {
    Scene scene({service("a").reloads()});
    scene.begin();
    scene.launched("a");
    const Target target{scene.id("a"), Verb::reload, scene.service_named("a").generation};
    const auto outcome = [&] { return look(target, &scene.service_named("a")); };
    const Command reload{.verb = Verb::reload, .services = {}, .stop_timeout = {}, .by = {}};
    scene.command(reload, {"a"});
    EXPECT_EQ(outcome(), TargetOutcome::pending);
    scene.told("a", 1, Reloaded{false, "exited with code 1"});
    EXPECT_EQ(outcome(), TargetOutcome::missed);
    scene.command(reload, {"a"});
    scene.told("a", 1, Reloaded{true, ""});
    EXPECT_EQ(outcome(), TargetOutcome::reached);
}

TEST(Reload, GoesOnlyToWhatRunsAndKnowsHow) {
    Scene scene({service("a").reloads(), service("b")});
    const Command reload{.verb = Verb::reload, .services = {}, .stop_timeout = {}, .by = {}};
    scene.begin();
    EXPECT_EQ(scene.command(reload, {"a"}), "");  // not there yet
    scene.launched("a");
    scene.launched("b");
    EXPECT_EQ(scene.command(reload, {"a"}), "reload a");
    EXPECT_EQ(scene.command(reload, {"b"}), "");
    auto refused = reload;
    refused.services = {scene.id("b")};
    EXPECT_FALSE(scene.supervisor().check(refused));
    scene.stop({"a"});
    EXPECT_EQ(scene.command(reload, {"a"}), "");
}

TEST(Check, KnowsWhatMakesNoSense) {
    Scene scene({service("a").by_hand()});
    scene.begin();
    const auto check = [&](Verb verb, ServiceId id) {
        return scene.supervisor()
            .check({.verb = verb, .services = {id}, .stop_timeout = {}, .by = {}})
            .has_value();
    };
    EXPECT_TRUE(check(Verb::start, scene.id("a")));
    EXPECT_TRUE(check(Verb::stop, scene.id("a")));
    EXPECT_TRUE(check(Verb::restart, scene.id("a")));
    EXPECT_FALSE(check(Verb::kill, scene.id("a")));
    EXPECT_FALSE(check(Verb::start, ServiceId{99}));
}

TEST(Check, SaysHowWhatCannotBeKilledComesToRun) {
    Scene scene(
        {service("db").by_hand(), service("a").delays(1h, 1h), service("b").needs("db", Condition::ready)});
    scene.begin();
    scene.launch_failed("a");
    const auto refusal = [&](const std::string& name) {
        return scene.supervisor()
            .check({.verb = Verb::kill, .services = {scene.id(name)}, .stop_timeout = {}, .by = {}})
            .error();
    };
    const auto hint = [&](const std::string& name) { return refusal(name).hint; };
    EXPECT_EQ(refusal("a").message.find("cannot kill a: it is in backoff ("), 0U) << refusal("a").message;
    EXPECT_EQ(hint("db"), "start it with: dpsupctl start db");
    EXPECT_EQ(hint("a"), "it is launched again after that time; at once with: dpsupctl restart a");
    EXPECT_EQ(hint("b"), "it is launched as soon as that is there; more with: dpsupctl explain b");
}

// --- on_dependency_loss ---

struct Pair {
    explicit Pair(OnDependencyLoss what)
        : scene({service("db").delays(1s, 1s), service("web").needs("db", Condition::ready).on_loss(what)}) {
        scene.begin();
        scene.launched("db");
        scene.launched("web");
    }
    Scene scene;
};

TEST(DependencyLoss, KeepGoesOn) {
    Pair pair(OnDependencyLoss::keep);
    EXPECT_EQ(pair.scene.ended("db", 1), "");
    EXPECT_EQ(pair.scene.wait(1s), "launch db");
    EXPECT_EQ(pair.scene.launched("db"), "");
    EXPECT_EQ(pair.scene.state("web"), "ready");
}

TEST(DependencyLoss, StopEndsAndComesBackWithIt) {
    Pair pair(OnDependencyLoss::stop);
    EXPECT_EQ(pair.scene.ended("db", 1), "signal web 15");
    EXPECT_EQ(pair.scene.ended("web", 0), "");
    EXPECT_EQ(pair.scene.state("web"), "waiting");
    EXPECT_EQ(pair.scene.wait(1s), "launch db");
    EXPECT_EQ(pair.scene.launched("db"), "launch web");
}

TEST(DependencyLoss, RestartGoesOnUntilItIsBackThenRestartsOnce) {
    Pair pair(OnDependencyLoss::restart);
    EXPECT_EQ(pair.scene.ended("db", 1), "");
    EXPECT_EQ(pair.scene.wait(1s), "launch db");
    EXPECT_EQ(pair.scene.launched("db"), "signal web 15");
    EXPECT_EQ(pair.scene.ended("web", 0), "launch web");
    EXPECT_EQ(pair.scene.launched("web"), "");
    EXPECT_EQ(pair.scene.wait(1h), "");
}

TEST(DependencyLoss, IsSeenWhenTheNextInstanceComesAtOnce) {
    Scene scene({service("db").delays(0s, 0s),
                 service("web").needs("db", Condition::started).on_loss(OnDependencyLoss::stop)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.ended("db", 1), "signal web 15; launch db");
}

TEST(DependencyLoss, IsHeardByWhoWasToStopAndIsWantedAgain) {
    Scene scene({service("db"),
                 service("web").needs("db", Condition::started).on_loss(OnDependencyLoss::stop),
                 service("proxy").needs("web", Condition::started)});
    scene.begin();
    for (const char* name : {"db", "web", "proxy"}) scene.launched(name);
    EXPECT_EQ(scene.stop({"web", "proxy"}), "signal proxy 15");  // web's turn comes after it
    EXPECT_EQ(scene.ended("db", 1), "");
    EXPECT_EQ(scene.start({"web"}), "signal web 15");
    EXPECT_EQ(scene.reason("web"), "its dependency db ended");
}

TEST(DependencyLoss, IsNoneWhenAJobCompletes) {
    Scene scene({job("j"), service("a").needs("j", Condition::started).on_loss(OnDependencyLoss::stop)});
    scene.begin();
    scene.launched("j");
    scene.launched("a");
    EXPECT_EQ(scene.ended("j", 0), "");
    EXPECT_EQ(scene.state("a"), "ready");
}

TEST(DependencyLoss, IsHeardWhenAJobThatEndedWellIsRunAgain) {
    Scene scene({job("j"), service("a").needs("j", Condition::started).on_loss(OnDependencyLoss::stop)});
    scene.begin();
    scene.launched("j");
    scene.launched("a");
    EXPECT_EQ(scene.exited("j", 0), "");
    EXPECT_EQ(scene.restart({"j"}), "");
    EXPECT_EQ(scene.emptied("j"), "launch j; signal a 15");
}

TEST(DependencyLoss, OfAnOptionalOneChangesNothing) {
    Scene scene(
        {service("db"), service("web").prefers("db", Condition::ready).on_loss(OnDependencyLoss::stop)});
    scene.begin();
    scene.launched("db");
    scene.launched("web");
    EXPECT_EQ(scene.ended("db", 1), "");
    EXPECT_EQ(scene.state("web"), "ready");
}

}  // namespace
}  // namespace dpsup::core
