// Many services, and many restarts: nothing is lost, and nothing grows.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

std::size_t descriptors_of(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        ++count;
    return count;
}

// What the process itself wrote. The pages of its program count as private or shared by whether another dpsupd
// happens to run, and come and go as the kernel likes.
long written_kib_of(pid_t pid) {
    long sum = 0;
    for (const std::string& line : lines_of(read_file("/proc/" + std::to_string(pid) + "/smaps_rollup")))
        if (line.starts_with("Private_Dirty:") || line.starts_with("Swap:"))
            sum += std::atol(line.c_str() + line.find(':') + 1);
    return sum;
}

TEST(Scale, AThousandServicesStartAndStop) {
    constexpr int count = 1000;
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += "[service.s" + std::to_string(i) + "]\ncommand = \"@ACTOR@\"\n";
        if (i >= 10) text += "depends_on = { s" + std::to_string(i / 10) + " = \"ready\" }\n";
    }
    Daemon daemon(text);
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    const Json status = daemon.ctl_json({"status"});
    ASSERT_EQ(status["services"].size(), static_cast<std::size_t>(count));
    for (const Json& one : status["services"].items()) {
        ASSERT_EQ(one["restarts"].number(), 0) << one["name"].text();
        ASSERT_GT(one["pid"].number(), 0) << one["name"].text();
    }
    const auto pid = static_cast<pid_t>(daemon.status("s999")["pid"].number());
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(eventually([&] {
        const Json now = daemon.status("s999");
        return now["state"].text() == "ready" && now["pid"].number() != pid;
    }));
    EXPECT_THAT(daemon.ctl_json({"plan"})["operations"].items(), ::testing::IsEmpty());
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 0);
}

// Restarts by crash and by command, with a notify socket, a log file, an exec probe and leftovers in each
// run: all that a restart takes must be given back.
TEST(Soak, RestartsLeaveNothingBehind) {
    const std::int64_t wanted = full_size() && !sanitized ? 10'000 : 2'000;
    constexpr int services = 8;
    std::string text;
    for (int i = 0; i < services; ++i)
        text += "[service.crash" + std::to_string(i) + R"(]
command = "@ACTOR@ say hello children 1 notify READY=1 exit 1"
notify = true
log = { target = "file", max_size = "64KiB" }
restart = { delay = "0s", max_delay = "1ms" }
healthcheck = { exec = "true", interval = "10ms" }
)";
    Daemon daemon(
        text,
        {.daemon_keys = "restart_budget = { burst = 1000000, per_second = 1000000 }\nlog_level = \"error\""});
    const auto restarts = [&] {
        std::int64_t sum = 0;
        for (const Json& one : daemon.http("GET", "/v1/status").json()["services"].items())
            sum += one["restarts"].number();
        return sum;
    };
    const auto settle = [&] {
        for (const char* verb : {"stop", "start"})
            for (int i = 0; i < services; ++i)
                EXPECT_LE(daemon.ctl({verb, "crash" + std::to_string(i)}).code(), 1);
    };
    const auto rest = [&] {
        for (int i = 0; i < services; ++i)
            EXPECT_EQ(daemon.ctl({"stop", "--wait", "crash" + std::to_string(i)}).code(), 0);
    };
    constexpr std::chrono::minutes limit(4);
    // The first fifth fills what is kept on purpose: decisions, buffers, the allocator's reserve.
    ASSERT_TRUE(eventually([&] { return restarts() >= wanted / 5; }, limit));
    rest();
    const std::size_t descriptors = descriptors_of(daemon.pid());
    const long memory = written_kib_of(daemon.pid());
    settle();
    ASSERT_TRUE(eventually([&] { return restarts() >= wanted; }, limit));
    rest();
    // A connection or a rotation may be on its way out still.
    EXPECT_TRUE(eventually([&] { return descriptors_of(daemon.pid()) <= descriptors; }))
        << descriptors_of(daemon.pid()) << ", from " << descriptors;
    const long allowed = sanitized ? 1'000'000 : memory + 512;  // sanitizers keep freed memory on purpose
    EXPECT_LE(written_kib_of(daemon.pid()), allowed) << "KiB, from " << memory;
    EXPECT_EQ(read_file("/proc/" + std::to_string(daemon.pid()) + "/task/" + std::to_string(daemon.pid()) +
                        "/children"),
              "")
        << "children or zombies are left";
}

}  // namespace
}  // namespace dpsup::test
