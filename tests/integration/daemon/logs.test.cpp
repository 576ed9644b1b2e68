// What services print: in a bounded file, past the daemon, and back through dpsupctl.
#include <gmock/gmock.h>

#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* talker = R"([service.x]
command = "@ACTOR@ say one say two say three notify READY=1 wait-for @DIR@/go say four"
notify = true
log = { target = "file" }
)";

TEST(Logs, AreReadBackFromTheFile) {
    Daemon daemon(talker);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const Finished all = daemon.ctl({"logs", "x"});
    EXPECT_EQ(all.code(), 0) << all.err;
    EXPECT_THAT(all.out, HasSubstr("one\ntwo\nthree\n"));
    const Finished last = daemon.ctl({"logs", "-n", "1", "x"});
    EXPECT_THAT(last.out, HasSubstr("three"));
    EXPECT_THAT(last.out, Not(HasSubstr("two")));
    EXPECT_EQ(daemon.ctl({"logs", "nobody"}).code(), 1);
}

TEST(Logs, AreFollowed) {
    Daemon daemon(talker);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string out = daemon.path("followed");
    Child following({.command = daemon.ctl_command({"logs", "-f", "x"}), .out = out, .err = out});
    ASSERT_TRUE(eventually([&] { return read_file(out).find("three\n") != std::string::npos; }))
        << read_file(out);
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(eventually([&] { return read_file(out).find("four\n") != std::string::npos; }))
        << read_file(out);
    EXPECT_TRUE(following.running());
}

TEST(Logs, SurviveTheInstance) {
    Daemon daemon(talker);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
    EXPECT_EQ(count_of(daemon.ctl({"logs", "-n", "100", "x"}).out, "one\n"), 2U);
}

std::uintmax_t bytes_of_logs(const Daemon& daemon) {
    std::uintmax_t sum = 0;
    std::error_code gone;
    for (const auto& file : std::filesystem::directory_iterator(daemon.path("log")))
        if (const auto size = file.file_size(gone); !gone) sum += size;
    return sum;
}

// 64 MiB through a log of 256 KiB: the files stay bounded while the daemon answers everybody.
TEST(Logs, StayBoundedInAFlood) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ record @DIR@/record x flood 67108864 note flooded"
log = { target = "file", max_size = "256KiB", keep = 2 }
[service.good]
command = "@ACTOR@"
)");
    ASSERT_TRUE(daemon.reaches("good", "ready"));
    Clock::duration slowest{};
    const auto over = [&] {
        const auto asked = Clock::now();
        EXPECT_EQ(daemon.http("GET", "/v1/status").status, 200);
        slowest = std::max(slowest, Clock::now() - asked);
        return count_records(daemon.path("record"), "flooded", "x") > 0;
    };
    ASSERT_TRUE(eventually(over));
    EXPECT_LT(slowest, std::chrono::seconds(2));
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "good"}).code(), 0);
    // Rotation follows the writer; what it lags behind is soon made good.
    EXPECT_TRUE(eventually([&] { return bytes_of_logs(daemon) <= 4U * 256 * 1024; }))
        << bytes_of_logs(daemon);
}

TEST(Logs, OfAnEndlessFloodAreBoundedTooAndTheServiceStops) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ flood -1"
log = { target = "file", max_size = "256KiB", keep = 1 }
stop_timeout = "200ms"
)");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(daemon.path("log/x.log.1")); }));
    const Finished stopped = daemon.ctl({"stop", "--wait", "x"});
    EXPECT_EQ(stopped.code(), 0) << stopped.all();
    EXPECT_TRUE(eventually([&] { return bytes_of_logs(daemon) <= 3U * 256 * 1024; }))
        << bytes_of_logs(daemon);
}

TEST(Logs, AreBoundedAnewWhileTheServiceRuns) {
    const auto configuration = [](const std::string& max_size, int keep) {
        return "[service.x]\ncommand = \"@ACTOR@ flood -1\"\nlog = { target = \"file\", max_size = \"" +
               max_size + "\", keep = " + std::to_string(keep) + " }\nstop_timeout = \"200ms\"\n";
    };
    Daemon daemon(configuration("256KiB", 1));
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto pid = daemon.status("x")["pid"].number();
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(daemon.path("log/x.log.1")); }));
    daemon.configure(configuration("256KiB", 3));
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(daemon.path("log/x.log.3")); }));
    EXPECT_EQ(daemon.status("x")["pid"].number(), pid) << "it was restarted";
}

TEST(Events, BeginWithASnapshotAndMissNothing) {
    Daemon daemon(
        "[service.x]\ncommand = \"@ACTOR@\"\n[service.y]\ncommand = \"@ACTOR@\"\nenabled = false\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    Events events(daemon.socket());
    const auto deadline = Clock::now() + patience;
    const Json snapshot = events.next(deadline);
    ASSERT_EQ(snapshot["type"].text(), "snapshot");
    EXPECT_EQ(snapshot["services"].where("name", "x")["state"].text(), "ready");
    EXPECT_EQ(snapshot["services"].where("name", "y")["state"].text(), "stopped");
    std::int64_t number = events.last();

    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(daemon.ctl({i % 2 == 0 ? "start" : "stop", "--wait", "y"}).code(), 0);
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
    std::vector<std::string> seen_of_x;
    while (seen_of_x.empty() || seen_of_x.back() != "ready") {
        const Json event = events.next(deadline);
        ASSERT_TRUE(event.present());
        if (event["type"].text() != "change") continue;
        EXPECT_EQ(event["number"].number(), ++number) << "a change is missing or doubled";
        EXPECT_NE(event["reason"].text(), "");
        if (event["service"].text() == "x") seen_of_x.push_back(event["to"].text());
    }
    EXPECT_THAT(seen_of_x, ::testing::IsSupersetOf({"stopping", "starting", "ready"}));
}

TEST(Events, AreShownByTheCommandLine) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const std::string out = daemon.path("followed");
    Child following({.command = daemon.ctl_command({"--json", "events", "-f"}), .out = out, .err = out});
    ASSERT_TRUE(eventually([&] { return !read_file(out).empty(); }));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return read_file(out).find("\"stopped\"") != std::string::npos; }))
        << read_file(out);
    for (const std::string& line : lines_of(read_file(out))) EXPECT_TRUE(Json::parse(line).present()) << line;
    const Finished recent = daemon.ctl({"events"});
    EXPECT_EQ(recent.code(), 0);
    EXPECT_THAT(recent.out, HasSubstr("stopping"));
}

}  // namespace
}  // namespace dpsup::test
