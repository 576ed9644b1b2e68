#include "dpsupctl/story.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

namespace dpsup::ctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const WallTime now{std::chrono::milliseconds(1763856000000)};

class Story : public testing::Test {
protected:
    Story() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }

    ExplanationView waiting() {
        ExplanationView view;
        view.service = {
            "web", "process", "waiting", "up", 0, 3, now - 125s, "none", "waits until postgres is ready"};
        view.summary =
            "web is waiting since 2m 5s: waits until postgres is ready. postgres is failed: exec: no such "
            "file.";
        view.dependencies = {{"postgres", "ready", false, false, "failed"},
                             {"cache", "started", true, false, "stopped"}};
        view.dependents = {"proxy", "cron"};
        view.probes = {{"health", "http http://127.0.0.1:80/", "failing", "HTTP 503"}};
        view.decisions = {{7, now - 125s, "web", "starting", "waiting", "postgres was lost"}};
        view.log = {"journal", "", "web"};
        return view;
    }
};

TEST_F(Story, TellsStateReasonDependenciesHistoryAndWhatToDo) {
    EXPECT_EQ(explanation_text(waiting(), {"last words"}, {}, now),
              "web is waiting for 2m 5s, since 2025-11-22 23:57:55.\n"
              "  waits until postgres is ready. postgres is failed: exec: no such file.\n"
              "  Wanted up; process, no process, 3 restarts.\n"
              "\n"
              "Depends on\n"
              "  WAITING  postgres  must be ready    is failed\n"
              "  missing  cache     must be started  is stopped  (optional)\n"
              "\n"
              "Needed by\n"
              "  proxy, cron\n"
              "\n"
              "Probes\n"
              "  health  failing  http http://127.0.0.1:80/: HTTP 503\n"
              "\n"
              "What happened, oldest first\n"
              "  2025-11-22 23:57:55  starting -> waiting     postgres was lost\n"
              "\n"
              "Its output\n"
              "  is in the journal: journalctl -t web; the last lines:\n"
              "  | last words\n"
              "\n"
              "Next\n"
              "  dpsupctl explain postgres\n");
}

TEST_F(Story, SaysTheReasonOnce) {
    auto view = waiting();
    view.summary = view.service.reason;
    const auto text = explanation_text(view, {}, {}, now);
    EXPECT_EQ(text.find(view.service.reason), text.rfind(view.service.reason));
}

TEST_F(Story, ToleratesAClockThatWasSetBack) {
    EXPECT_THAT(explanation_text(waiting(), {}, {}, now - 1h), HasSubstr("web is waiting for 0"));
}

TEST_F(Story, HasAdviceForEachStateThatIsNotWell) {
    for (const auto* state : {"backoff", "failed", "unhealthy", "starting", "stopped", "stopping"}) {
        auto view = waiting();
        view.service.state = state;
        EXPECT_THAT(explanation_text(view, {}, {}, now), HasSubstr("\nNext\n  dpsupctl ")) << state;
    }
    auto view = waiting();
    view.service.state = "ready";
    EXPECT_THAT(explanation_text(view, {}, {}, now), Not(HasSubstr("Next")));
}

TEST_F(Story, LetsNoServiceTalkToTheTerminal) {
    auto view = waiting();
    view.status_text = "\x1b[2J";
    view.decisions[0].reason = "\x1b[2J";
    view.probes[0].detail = "\x1b[2J";
    EXPECT_THAT(explanation_text(view, {"\x1b[2J"}, {}, now), Not(HasSubstr("\x1b")));
}

TEST_F(Story, ShowsAPlanWithItsCauses) {
    const PlanView plan{
        false, {{"web", "restart", {"command changed", "limits changed"}}, {"new-one", "add", {}}}, {}};
    EXPECT_EQ(plan_text(plan),
              "~ restart  web      command changed and limits changed\n"
              "+ add      new-one\n"
              "2 operations; carry out with: dpsupctl apply\n");
    EXPECT_THAT(plan_text({true, plan.operations, {"careful"}}), HasSubstr("under way"));
    EXPECT_EQ(plan_text({}), "Nothing to do: what runs is what is configured.\n");
}

TEST_F(Story, ShowsOutcomesAndDecisionsInColumns) {
    const CommandView command{{{"web", true, "ready", "probe passed"}, {"postgres", true, "starting", ""}},
                              {"careful"}};
    EXPECT_EQ(outcome_text(command, {}),
              "warning: careful\nweb       ready  probe passed\npostgres  starting\n");
    EXPECT_EQ(decision_line({1, now, "web", "starting", "ready", "probe passed"}, {}),
              "2025-11-23 00:00:00  web                   starting -> ready  probe passed\n");
}

TEST(ReplyViews, ReadTimesWithAndWithoutFraction) {
    EXPECT_EQ(read_time("2025-11-23T00:00:00Z"), now);
    EXPECT_EQ(read_time("2025-11-23T00:00:00.250Z"), now + 250ms);
    for (const auto* text : {"", "yesterday", "2025-13-01T00:00:00Z", "2025-11-23"})
        EXPECT_EQ(read_time(text), WallTime{});
}

TEST(ReplyViews, SurviveMissingAndForeignMembers) {
    const auto status = read_status(R"({"host": 7, "services": [{"name": "a", "new": {}}, 3], "more": []})");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->services.size(), 1U);
    EXPECT_FALSE(read_status("[]"));
    EXPECT_FALSE(read_status("{"));
}

TEST(ReplyViews, ReadErrorsAndMakeOneUpWhereThereIsNone) {
    const auto error =
        read_error(404, R"({"error": {"code": "unknown_service", "message": "m", "hint": "h"}})");
    EXPECT_EQ(error, (Error{"unknown_service", "m", "h"}));
    EXPECT_THAT(read_error(502, "<html>").message, HasSubstr("502"));
}

}  // namespace
}  // namespace dpsup::ctl
