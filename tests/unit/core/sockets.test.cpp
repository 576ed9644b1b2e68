// When a service's clients may wait: from when it is on its way until nothing will come any more.
#include <gtest/gtest.h>

#include "unit/core/scene.hpp"

namespace dpsup::core {
namespace {

using namespace std::chrono_literals;

TEST(Sockets, AreHeldFromInstanceToInstanceAndReleasedByAStop) {
    Scene scene({service("a").has_sockets().delays(1s, 1s)});
    EXPECT_EQ(scene.begin(), "launch a");
    scene.launched("a");
    EXPECT_EQ(scene.restart({"a"}), "signal a 15");
    EXPECT_EQ(scene.ended("a", 0), "launch a");
    scene.launched("a");
    EXPECT_EQ(scene.ended("a", 1), "") << "its clients wait for the retry";
    EXPECT_EQ(scene.state("a"), "backoff");
    EXPECT_EQ(scene.wait(1s), "launch a");
    scene.launched("a");
    EXPECT_EQ(scene.stop({"a"}), "signal a 15");
    EXPECT_EQ(scene.ended("a", 0), "release a");
    EXPECT_EQ(scene.start({"a"}), "launch a");
}

TEST(Sockets, AreHeldWhileItWaitsForItsDependencies) {
    Scene scene({service("db").notifies(), service("web").has_sockets().needs("db", Condition::ready)});
    EXPECT_EQ(scene.begin(), "launch db; hold web");
    scene.launched("db");
    EXPECT_EQ(scene.stop({"web"}), "release web");
    EXPECT_EQ(scene.start({"web"}), "hold web");
    EXPECT_EQ(scene.says_ready("db"), "launch web");
}

TEST(Sockets, AreReleasedWhereItFailsForGood) {
    Scene scene({service("a").has_sockets().restarts(RestartWhen::never)});
    scene.begin();
    scene.launched("a");
    EXPECT_EQ(scene.ended("a", 1), "release a");
    EXPECT_EQ(scene.state("a"), "failed");
}

TEST(Sockets, AreReleasedInTheRetryByAStop) {
    Scene scene({service("a").has_sockets().delays(1s, 1s)});
    scene.begin();
    EXPECT_EQ(scene.launch_failed("a"), "");
    EXPECT_EQ(scene.stop({"a"}), "release a");
}

TEST(Sockets, AreReleasedByAShutdownAndBeforeItIsForgotten) {
    Scene scene({service("a").has_sockets(), service("b").has_sockets()});
    scene.begin();
    scene.launched("a");
    scene.launched("b");
    EXPECT_EQ(scene.remove("a"), "signal a 15");
    EXPECT_EQ(scene.ended("a", 0), "release a; forget a");
    EXPECT_EQ(scene.shut_down(), "signal b 15");
    EXPECT_EQ(scene.ended("b", 0), "release b");
}

TEST(Sockets, AreReleasedToAlthoughItHasNoneAnyMore) {
    Scene scene({service("a").has_sockets()});
    scene.begin();
    scene.launched("a");
    scene.change(service("a"), Change::restart);
    EXPECT_EQ(scene.stop({"a"}), "");
    EXPECT_EQ(scene.ended("a", 0), "release a");
    EXPECT_EQ(scene.start({"a"}), "launch a");
    scene.launched("a");
    scene.stop({"a"});
    EXPECT_EQ(scene.ended("a", 0), "");
}

TEST(Sockets, AreHeldByTheNextDaemonToo) {
    Scene scene({service("db").notifies(), service("runs").has_sockets(),
                 service("retries").has_sockets().delays(1h, 1h),
                 service("waits").has_sockets().needs("db", Condition::ready), service("off").has_sockets()});
    scene.begin();
    scene.launched("db");
    scene.launched("runs");
    scene.launch_failed("retries");
    scene.stop({"off"});
    scene.emptied("off");
    EXPECT_EQ(scene.crash(), "adopt db; hold retries; adopt runs; hold waits");
    scene.stop({"runs"});
    EXPECT_EQ(scene.ended("runs", 0), "release runs");
    EXPECT_EQ(scene.stop({"retries"}), "release retries");
}

}  // namespace
}  // namespace dpsup::core
