#include "dpsupctl/table.hpp"

#include <gmock/gmock.h>

#include "dpsupctl/text.hpp"

namespace dpsup::ctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr Terminal none{};
const WallTime now{std::chrono::milliseconds(1763856000000)};

ServiceView service(std::string name, std::string state, std::string reason) {
    return {std::move(name), "process", std::move(state), "up", 4711, 2,
            now - 90s,       "passing", std::move(reason)};
}

StatusView three() {
    StatusView status{"db1", false, {service("postgres", "ready", "probe passed")}};
    auto job = service("init-databases", "done", "exited with code 0");
    job.kind = "job";
    job.pid = 0;
    job.health = "none";
    status.services.push_back(job);
    status.services.push_back(service("web", "backoff", "exited with code 1; try 3 in 400ms"));
    return status;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

TEST(StatusTable, IsAlignedAndSummedUp) {
    EXPECT_EQ(
        status_text(three(), none, now),
        "NAME            KIND     STATE    WANTED   PID  RESTARTS   SINCE  HEALTH   REASON\n"
        "postgres        process  ready    up      4711         2  1m 30s  passing  probe passed\n"
        "init-databases  job      done     up         -         2  1m 30s  -        exited with code 0\n"
        "web             process  backoff  up      4711         2  1m 30s  passing  exited with code 1; try "
        "3 in 400ms\n"
        "\n"
        "3 services: 1 ready, 1 backoff, 1 done\n"
        "Why? dpsupctl explain web\n");
}

TEST(StatusTable, FitsEveryTerminalFromFortyColumnsOn) {
    for (std::size_t width = 40; width < 140; ++width) {
        const auto lines = lines_of(status_text(three(), {width, 24, false}, now));
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_LE(width_of(lines[i]), width) << lines[i];
            EXPECT_THAT(lines[i], Not(testing::EndsWith(" ")));
        }
        EXPECT_THAT(lines[1], testing::StartsWith("postgres"));
        EXPECT_THAT(lines[3], HasSubstr("backoff"));
    }
}

TEST(StatusTable, ShortensTheReasonOnlyAsFarAsItMust) {
    EXPECT_THAT(status_text(three(), {100, 24, false}, now),
                HasSubstr("exited with code 1; try 3 in 400ms\n"));
    EXPECT_THAT(status_text(three(), {55, 24, false}, now), HasSubstr("...\n"));
}

TEST(StatusTable, HasColoursOnlyWhereTheTerminalHas) {
    EXPECT_THAT(status_text(three(), {120, 24, false}, now), Not(HasSubstr("\x1b")));
    const auto coloured = status_text(three(), {120, 24, true}, now);
    EXPECT_THAT(coloured, HasSubstr("\x1b[32mready\x1b[0m"));
    EXPECT_THAT(coloured, HasSubstr("\x1b[31mbackoff\x1b[0m"));
}

TEST(StatusTable, LetsNoServiceTalkToTheTerminal) {
    StatusView status{"db1",
                      false,
                      {service("web", "failed",
                               "said \x1b]0;owned\x07 and\nmore \xc2\x9b"
                               "31m")}};
    const auto text = status_text(status, none, now);
    EXPECT_THAT(text, HasSubstr("said ?]0;owned? and more ?31m\n"));
}

TEST(StatusTable, SaysWhatToDoWhereThereIsNothing) {
    EXPECT_THAT(status_text({}, none, now), HasSubstr("no services are configured"));
}

TEST(StatusTable, SaysThatTheDaemonShutsDown) {
    auto status = three();
    status.shutting_down = true;
    EXPECT_THAT(status_text(status, none, now), HasSubstr("shutting down"));
}

TEST(SummaryLine, CountsStatesTheUsualOneFirstThenTheWorst) {
    StatusView status;
    for (int i = 0; i < 10; ++i) status.services.push_back(service("r", "ready", ""));
    status.services.push_back(service("w", "waiting", ""));
    status.services.push_back(service("b", "backoff", ""));
    status.services.push_back(service("n", "newfangled", ""));
    EXPECT_EQ(summary_line(status), "13 services: 10 ready, 1 backoff, 1 waiting, 1 newfangled");
    status.services.resize(1);
    EXPECT_EQ(summary_line(status), "1 service: 1 ready");
}

TEST(WatchedTable, ShowsTheUrgentOnesWhereNotAllFit) {
    StatusView status;
    for (int i = 0; i < 100; ++i)
        status.services.push_back(service("good-" + std::to_string(i), "ready", ""));
    status.services.push_back(service("broken", "failed", "exec: no such file"));
    const auto text = watch_text(status, {100, 20, false}, now);
    EXPECT_LE(lines_of(text).size(), 20U);
    EXPECT_THAT(lines_of(text)[1], testing::StartsWith("broken"));
    EXPECT_THAT(text, HasSubstr("and 87 more"));
    EXPECT_THAT(text, HasSubstr("101 services: 100 ready, 1 failed"));
}

TEST(Text, IsShortenedByCodePoints) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdefg", 6), "abc...");
    EXPECT_EQ(shortened("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 4), "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f");
    EXPECT_EQ(shortened("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9fx", 4), "\xc3\xa4...");
    EXPECT_EQ(shortened("abcdef", 2), "..");
    EXPECT_EQ(shortened("abcdef", 0), "");
}

}  // namespace
}  // namespace dpsup::ctl
