// Re-exec after re-exec over services that run, crash, start and stop: what holds after each. Each service holds a lock,
// and says so where it cannot.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

constexpr int steady_count = 25;
constexpr int crashing_count = 15;
constexpr int slow_count = 10;

std::string steady(int i) {
    return "steady" + std::to_string(i);
}
std::string crashing(int i) {
    return "crashing" + std::to_string(i);
}
std::string slow(int i) {
    return "slow" + std::to_string(i);
}

std::string service(const std::string& name, const std::string& steps, const std::string& keys = "") {
    return "[service." + name + "]\ncommand = \"@ACTOR@ lock @DIR@/" + name + " " + steps + "\"\n" + keys;
}

std::string configuration() {
    std::string text;
    for (int i = 0; i < steady_count; ++i)
        text += i % 2 == 0 ? service(steady(i), "notify READY=1", "notify = true\n")
                           : service(steady(i), "sleep 0",
                                     "healthcheck = { exec = \"true\", interval = \"50ms\" }\n");
    for (int i = 0; i < crashing_count; ++i)
        text += service(crashing(i), "sleep " + std::to_string(5 + 20 * i) + " exit 7",
                        "restart = { delay = \"5ms\", max_delay = \"20ms\" }\n");
    for (int i = 0; i < slow_count; ++i)
        text += service(
            slow(i),
            "stop-takes " + std::to_string(10 * i) + " sleep " + std::to_string(10 * i) + " notify READY=1",
            "notify = true\n");
    return text;
}

std::size_t descriptors_of(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        ++count;
    return count;
}

// Commands all that comes and goes, and waits for it.
void command_changing(Daemon& daemon, const std::string& verb, bool crashing_too) {
    std::vector<std::string> words{verb, "--wait"};
    for (int i = 0; i < slow_count; ++i) words.push_back(slow(i));
    for (int i = 0; crashing_too && i < crashing_count; ++i) words.push_back(crashing(i));
    const Finished done = daemon.ctl(words);
    ASSERT_EQ(done.code(), 0) << done.all();
}

// As few as they become: probes of those that stay come and go.
std::size_t fewest_descriptors(pid_t pid) {
    std::size_t fewest = descriptors_of(pid);
    for (int look = 0; look < 100; ++look) {
        ::usleep(1000);
        fewest = std::min(fewest, descriptors_of(pid));
    }
    return fewest;
}

class ReexecSoak : public ::testing::TestWithParam<bool> {};

TEST_P(ReexecSoak, LeadsToNoSecondInstanceNorAnythingForgotten) {
    Daemon daemon(
        configuration(),
        {.daemon_keys = "restart_budget = { burst = 1000000, per_second = 1000000 }", .cgroups = GetParam()});
    std::map<std::string, long long> pids;
    ASSERT_TRUE(daemon.until("the steady ones run", [](const auto& states) {
        for (int i = 0; i < steady_count; ++i)
            if (states.at(steady(i)).state != "ready") return false;
        return true;
    }));
    for (int i = 0; i < steady_count; ++i) pids[steady(i)] = daemon.status(steady(i))["pid"].number();
    command_changing(daemon, "stop", true);
    ASSERT_EQ(daemon.ctl({"daemon", "reexec"}).code(), 0);
    const std::size_t descriptors_before = fewest_descriptors(daemon.pid());
    for (int i = 0; i < crashing_count; ++i) ASSERT_EQ(daemon.ctl({"start", crashing(i)}).code(), 0);
    std::map<std::string, long long> restarts;
    std::mt19937 random(11);
    const int rounds = full_size() ? 100 : sanitized ? 5 : 20;
    for (int round = 0; round < rounds; ++round) {
        const char* verb = round % 3 == 0 ? "restart" : round % 3 == 1 ? "stop" : "start";
        for (int i = 0; i < 3; ++i)
            static_cast<void>(daemon.http(
                "POST", "/v1/services/" + slow(static_cast<int>(random() % slow_count)) + "/" + verb));
        ::usleep(static_cast<useconds_t>(random() % 30'000));  // at any moment
        const Finished done = daemon.ctl({"daemon", "reexec"});
        ASSERT_EQ(done.code(), 0) << done.all();
        const Json all = daemon.ctl_json({"status"})["services"];
        for (const auto& [name, pid] : pids)
            ASSERT_EQ(all.where("name", name)["pid"].number(), pid) << name << ", " << round;
        for (const Json& one : all.items()) {
            const std::string name = one["name"].text();
            ASSERT_GE(one["restarts"].number(), restarts[name]) << name << ", " << round;
            restarts[name] = one["restarts"].number();
        }
    }
    command_changing(daemon, "start", false);
    command_changing(daemon, "stop", true);
    ASSERT_EQ(daemon.ctl({"daemon", "reexec"}).code(), 0);  // as before the first count
    EXPECT_TRUE(eventually([&] { return fewest_descriptors(daemon.pid()) <= descriptors_before; }))
        << fewest_descriptors(daemon.pid()) << " descriptors, and before there were " << descriptors_before;
    for (int i = 0; i < crashing_count; ++i) {
        EXPECT_GT(restarts[crashing(i)], 0) << i;
        EXPECT_EQ(daemon.text(crashing(i) + ".double"), "") << i;
        EXPECT_THAT(daemon.story(crashing(i)), ::testing::Not(::testing::HasSubstr("not known"))) << i;
    }
    for (int i = 0; i < steady_count; ++i) EXPECT_EQ(daemon.text(steady(i) + ".double"), "") << i;
    for (int i = 0; i < slow_count; ++i) EXPECT_EQ(daemon.text(slow(i) + ".double"), "") << i;
    EXPECT_EQ(count_of(daemon.log(), "not known"), 0U) << "how something ended was lost";
    EXPECT_EQ(count_of(daemon.log(), "an earlier dpsupd left process"), 0U) << "without a record";
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

INSTANTIATE_TEST_SUITE_P(Daemon, ReexecSoak, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
