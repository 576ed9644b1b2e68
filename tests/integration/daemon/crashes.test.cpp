// The daemon is killed again and again, at random moments, over services that run, crash, start slowly, are commanded
// meanwhile, and jobs. Each process holds a lock of its service, and says so where it cannot get it.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

// DPSUP_TEST_SEED repeats the moments, as far as the machine does.
unsigned some_seed() {
    const char* given = std::getenv("DPSUP_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : std::random_device{}();
}

class Crashes : public ::testing::TestWithParam<bool> {
protected:
    // How many of each: half of all are to be left alone, a fifth crashes, and so on.
    Crashes() {
        const int all = full_size() ? 100 : sanitized ? 12 : 30;
        for (int i = 0; i < all; ++i) {
            const std::string number = std::to_string(i);
            const std::string lock = "lock @DIR@/lock" + number;
            switch (i % 10) {
                case 0:
                case 1:
                case 2:
                    add("steady" + number, lock, "");
                    break;
                case 3:
                case 4:
                    // Not by READY=1: said while no daemon listens, it would be lost.
                    add("slow" + number,
                        lock + " sleep " + std::to_string(100 + 37 * i) + " record @DIR@/slow" + number +
                            " slow",
                        "readiness = { exec = \"test -e @DIR@/slow" + number + "\", interval = \"1s\" }\n");
                    break;
                case 5:
                case 6:
                    add("crash" + number, lock + " sleep " + std::to_string(10 + 13 * i) + " exit 1",
                        "restart = { delay = \"10ms\", max_delay = \"50ms\" }\n");
                    break;
                case 7:
                case 8:
                    commanded_.push_back("commanded" + number);
                    wanted_["commanded" + number] = "up";
                    add("commanded" + number, lock + " stop-takes " + std::to_string(7 * i), "");
                    break;
                default:
                    add("job" + number,
                        lock + " record @DIR@/jobs job" + number + " sleep " + std::to_string(20 * i) +
                            " exit 0",
                        std::string("job = true\nrestart = { delay = \"10ms\", on_unknown = \"") +
                            (i % 20 == 9 ? "success" : "failure") + "\" }\n");
                    break;
            }
        }
        locks_ = all;
    }

    void add(const std::string& name, const std::string& steps, const std::string& keys) {
        text_ += "[service." + name + "]\ncommand = \"@ACTOR@ " + steps + "\"\n" + keys;
    }

    // Stops and starts at random, until the daemon is dead: what was answered must hold afterwards, what was not may.
    void command_until_dead(Daemon& daemon, Clock::duration dies_after) {
        std::thread killer([&daemon, dies_after] {
            std::this_thread::sleep_for(dies_after);
            daemon.signal(SIGKILL);
        });
        while (daemon.running()) {
            const std::string& name = commanded_[random_() % commanded_.size()];
            const bool up = random_() % 2 == 0;
            const std::string target = "/v1/services/" + name + (up ? "/start" : "/stop");
            const int status = daemon.http("POST", target).status;
            if (status / 100 == 2)
                wanted_[name] = up ? "up" : "down";
            else
                wanted_[name] = "";
        }
        killer.join();
        ASSERT_TRUE(daemon.wait().has_value());
    }

    static Json status_of(Daemon& daemon) {
        const Reply reply = daemon.http("GET", "/v1/status");
        EXPECT_EQ(reply.status, 200) << reply.head << reply.body;
        const auto end = daemon.wait(std::chrono::milliseconds(reply.status == 200 ? 0 : 200));
        EXPECT_FALSE(end) << "dpsupd ended by itself: code " << end->code << ", signal " << end->signal;
        return reply.json()["services"];
    }

    // What one status says must follow from the one before the crash.
    void compare(const Json& before, const Json& after) {
        const std::string up = "up";
        ASSERT_EQ(after.size(), static_cast<std::size_t>(locks_));
        for (const Json& now : after.items()) {
            const std::string name = now["name"].text();
            SCOPED_TRACE(name + " is " + now["state"].text() + ": " + now["reason"].text());
            const std::string& wanted = name.starts_with("commanded") ? wanted_[name] : up;
            ASSERT_TRUE(wanted.empty() || now["wanted"].text() == wanted) << "it was answered";
            if (const Json then = before.where("name", name); then.present()) {
                const bool left_alone = name.starts_with("steady") || name.starts_with("slow");
                const auto pid = left_alone ? then["pid"].number() : 0;
                const bool done = name.starts_with("job") && then["state"].text() == "done";
                ASSERT_GE(now["restarts"].number(), then["restarts"].number());
                ASSERT_TRUE(pid <= 0 || now["pid"].number() == pid)
                    << "it was left alone, and ran as " << pid;
                ASSERT_TRUE(!done || now["state"].text() == "done");
            }
            if (name.starts_with("job") && now["state"].text() == "done" && !runs_when_done_.contains(name))
                runs_when_done_[name] = count_records(jobs_, "start", name);
        }
    }

    // Once nobody kills it any more, all comes right.
    void settle(Daemon& daemon) {
        for (const std::string& name : commanded_)
            ASSERT_EQ(daemon.http("POST", "/v1/services/" + name + "/start").status / 100, 2);
        EXPECT_TRUE(daemon.until("all but the crashing are ready or done", [](const Daemon::States& states) {
            return std::ranges::all_of(states, [](const auto& one) {
                return one.first.starts_with("crash") || one.second.state == "ready" ||
                       one.second.state == "done";
            });
        }));
        for (const auto& [name, runs] : runs_when_done_)
            EXPECT_EQ(count_records(jobs_, "start", name), runs) << name << " was done, and ran again";
        for (int i = 0; i < locks_; ++i) {
            const std::string number = std::to_string(i);
            EXPECT_EQ(daemon.text("lock" + number + ".double"), "") << "two at once of service " << number;
        }
    }

    const unsigned seed_ = some_seed();
    std::mt19937 random_{seed_};
    std::string text_;
    std::string jobs_;
    int locks_ = 0;
    std::vector<std::string> commanded_;
    std::map<std::string, std::string> wanted_;  // of those that are commanded; empty: either
    std::map<std::string, std::size_t> runs_when_done_;
};

TEST_P(Crashes, AtAnyMomentTouchNothingThatRunsAndStartNothingTwice) {
    SCOPED_TRACE("DPSUP_TEST_SEED=" + std::to_string(seed_));
    Daemon daemon(text_, {.daemon_keys = "restart_budget = { burst = 1000000, per_second = 1000000 }",
                          .cgroups = GetParam()});
    jobs_ = daemon.path("jobs");
    const int kills = full_size() ? 100 : sanitized ? 5 : 10;
    for (int round = 0; round < kills && !HasFatalFailure(); ++round) {
        SCOPED_TRACE("kill " + std::to_string(round));
        // Now and then as soon as it answers, in the midst of its own takeover.
        const auto dies_after = std::chrono::microseconds(random_() % (round % 3 == 0 ? 3'000 : 150'000));
        const Json before = status_of(daemon);
        command_until_dead(daemon, dies_after);
        daemon.launch();
        ASSERT_TRUE(daemon.answers());
        compare(before, status_of(daemon));
    }
    if (!HasFatalFailure()) settle(daemon);
}

INSTANTIATE_TEST_SUITE_P(Daemon, Crashes, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
