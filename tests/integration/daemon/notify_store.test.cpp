// What a service says while no dpsupd runs, where systemd holds its notify socket meanwhile.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "daemon.hpp"
#include "fake_store.hpp"

namespace dpsup::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KeptNotify : public ::testing::TestWithParam<bool> {
protected:
    void start(const std::string& configuration) {
        daemon_ =
            std::make_unique<Daemon>(configuration,
                                     Options{.environment = {{"NOTIFY_SOCKET", "@DIR@/systemd.sock"}},
                                             .cgroups = GetParam(),
                                             .before_exec = [this] { return !store_ || store_->pass(); }},
                                     Daemon::Prepared{});
        store_ = std::make_unique<FakeStore>(daemon_->path("systemd.sock"));
        daemon_->launch();
        ASSERT_TRUE(daemon_->answers());
    }
    void kill_daemon() {
        daemon_->signal(SIGKILL);
        ASSERT_TRUE(daemon_->wait().has_value());
    }
    void start_next() {
        daemon_->launch();
        ASSERT_TRUE(daemon_->answers());
    }
    [[nodiscard]] bool come_to(const std::vector<std::string>& names) const {
        return eventually([&] { return store_->names() == names; });
    }

    std::unique_ptr<FakeStore> store_;  // outlives the daemon, as systemd does
    std::unique_ptr<Daemon> daemon_;
};

TEST_P(KeptNotify, WhatIsSaidWhileNoDaemonRunsIsHeardByTheNext) {
    start(R"([service.a]
command = ["@ACTOR@", "wait-for", "@DIR@/go", "notify", "READY=1", "notify", "STATUS=between", "record", "@DIR@/told", "a"]
notify = true
[service.b]
command = "@ACTOR@ notify READY=1"
notify = true
[service.quiet]
command = "@ACTOR@"
)");
    ASSERT_TRUE(daemon_->until("they run", [](const auto& states) {
        return states.at("a").state == "starting" && states.at("b").state == "ready";
    }));
    EXPECT_TRUE(come_to({"notify/a", "notify/b"})) << ::testing::PrintToString(store_->names());
    const auto pid = daemon_->status("a")["pid"].number();
    kill_daemon();
    write_file(daemon_->path("go"), "");
    ASSERT_TRUE(eventually([&] { return !daemon_->text("told").empty(); }));
    start_next();
    EXPECT_TRUE(daemon_->reaches("a", "ready"));
    EXPECT_TRUE(eventually([&] { return daemon_->explain("a")["status_text"].text() == "between"; }));
    EXPECT_EQ(daemon_->status("a")["pid"].number(), pid);
    EXPECT_EQ(daemon_->status("b")["state"].text(), "ready");
    EXPECT_TRUE(come_to({"notify/a", "notify/b"})) << ::testing::PrintToString(store_->names());
    ASSERT_TRUE(daemon_->terminate().has_value());
    EXPECT_TRUE(come_to({})) << ::testing::PrintToString(store_->names());
}

TEST_P(KeptNotify, OnlyThatOfAServiceThatIsGoneIsDropped) {
    const std::string stays = "[service.stays]\ncommand = \"@ACTOR@ notify READY=1\"\nnotify = true\n";
    start(stays + "[service.goes]\ncommand = \"@ACTOR@ notify READY=1\"\nnotify = true\n");
    ASSERT_TRUE(daemon_->all_reach({"ready"}));
    daemon_->configure(stays);
    ASSERT_EQ(daemon_->ctl({"apply"}).code(), 0);
    EXPECT_TRUE(come_to({"notify/stays"})) << ::testing::PrintToString(store_->names());
    kill_daemon();
    start_next();
    EXPECT_TRUE(daemon_->reaches("stays", "ready"));
    EXPECT_TRUE(come_to({"notify/stays"})) << ::testing::PrintToString(store_->names());
}

INSTANTIATE_TEST_SUITE_P(Daemon, KeptNotify, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
