// A takeover needs a descriptor for each service that runs, and there are fewer.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

bool limit_descriptors() {
    constexpr rlim_t few = 64;
    const rlimit limit{few, few};
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class FewDescriptors : public ::testing::TestWithParam<bool> {};

TEST_P(FewDescriptors, LeaveATakeoverThatCanBeCommanded) {
    constexpr int services = 60;
    std::string text;
    std::vector<std::string> stop_half = {"stop"};
    for (int i = 0; i < services; ++i) {
        const std::string name = "s" + std::to_string(i);
        text += "[service." + name + "]\ncommand = \"sleep 1000\"\n";
        if (i % 2 == 0) stop_half.push_back(name);
    }
    Daemon daemon(text, {.cgroups = GetParam(), .before_exec = limit_descriptors});
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    std::map<std::string, pid_t> before;
    for (const Json& service : daemon.ctl_json({"status"})["services"].items())
        before[service["name"].text()] = static_cast<pid_t>(service["pid"].number());
    ASSERT_EQ(before.size(), services);

    daemon.crash();
    EXPECT_EQ(daemon.ctl({"status"}).code(), 0);
    EXPECT_THAT(daemon.log(), HasSubstr("descriptors are missing to watch all services that run: "));
    EXPECT_THAT(daemon.log(), HasSubstr("LimitNOFILE="));

    // Nothing is lost: whoever ends makes room for those that could not be looked at.
    ASSERT_EQ(daemon.ctl(stop_half).code(), 0);
    EXPECT_TRUE(daemon.until("half of them are stopped", [](const Daemon::States& states) {
        return std::ranges::count_if(states, [](const auto& one) { return one.second.state == "stopped"; }) ==
               services / 2;
    }));
    for (const auto& [name, pid] : before) {
        const bool stopped = std::ranges::find(stop_half, name) != stop_half.end();
        EXPECT_NE(runs(pid), stopped) << name;
        EXPECT_EQ(daemon.status(name)["restarts"].number(), 0) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Daemon, FewDescriptors, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

}  // namespace
}  // namespace dpsup::test
