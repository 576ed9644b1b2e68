// Probes of real servers, and what their verdicts lead to. The server's mode is a file, so that health
// changes when the test says so.
#include <gmock/gmock.h>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

// `probe` is the healthcheck's table without braces.
std::string served(const std::string& probe, const std::string& listen = "tcp:@HOST@:8001") {
    return "[service.x]\ncommand = \"@ACTOR@ say begin record @DIR@/record x serve " + listen +
           " @@DIR@/mode\"\nlog = { target = \"file\" }\nrestart = { delay = \"10ms\" }\nhealthcheck = { " +
           probe + ", interval = \"50ms\", start_interval = \"50ms\", retries = 2 }\n";
}

void set_mode(const Daemon& daemon, const std::string& mode) {
    write_file(daemon.path("mode"), mode + "\n");
}

struct Kind {
    std::string name;
    std::string probe;
    std::string listen = "tcp:@HOST@:8001";
};

void PrintTo(const Kind& shown, std::ostream* out) {
    *out << shown.name;
}

class Probe : public ::testing::TestWithParam<Kind> {};

TEST_P(Probe, PassesAndFailsWithTheServer) {
    Daemon daemon(served(GetParam().probe + ", on_failure = \"alert\"", GetParam().listen), {},
                  Daemon::Prepared{});
    set_mode(daemon, "fail");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["health"].text() == "failing"; }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    EXPECT_THAT(daemon.status("x")["reason"].text(), HasSubstr("health probe failed: "));
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.status("x")["health"].text(), "passing");
    set_mode(daemon, "fail");
    ASSERT_TRUE(daemon.reaches("x", "unhealthy"));
    EXPECT_THAT(daemon.status("x")["reason"].text(), HasSubstr("probe failed"));
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Probe,
    ::testing::Values(
        Kind{"HttpStatus", "http = \"http://@HOST@:8001/health\""},
        Kind{"HttpBody", "http = \"http://@HOST@:8001/\", status = \"100-599\", body = \"green\""},
        Kind{"HttpJson",
             "http = \"http://@HOST@:8001/\", status = \"100-599\", json = { \"/status\" = [\"green\"] }"},
        Kind{"TcpSendAndExpect", "tcp = \"@HOST@:8001\", send = \"ruok\", expect = \"200 OK\""},
        Kind{"UnixSendAndExpect", "unix = \"@DIR@/x.sock\", send = \"ruok\", expect = \"200 OK\"",
             "unix:@DIR@/x.sock"},
        Kind{"Exec", "exec = [\"grep\", \"-q\", \"ok\", \"@DIR@/mode\"]"}),
    [](const auto& one) { return one.param.name; });

TEST(LogProbe, PassesOnceTheLineComes) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ say starting wait-for @DIR@/go say 'Server started in 12 ms'"
log = { target = "file" }
startup = { log = "Server started in [0-9]+ ms", start_interval = "50ms" }
)");
    ASSERT_TRUE(eventually([&] { return daemon.text("log/x.log").find("starting") != std::string::npos; }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(LogProbe, DoesNotBelieveAnEarlierInstance) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ wait-for @DIR@/go say started"
log = { target = "file" }
startup = { log = "^started$$", start_interval = "50ms" }
)");
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    std::remove(daemon.path("go").c_str());
    ASSERT_EQ(daemon.ctl({"restart", "x"}).code(), 0);
    ASSERT_TRUE(daemon.until(
        "restarted", [](const Daemon::States& states) { return states.at("x").state == "starting"; }));
    // Its probe has run more than once when another one of the same age has.
    ASSERT_TRUE(eventually([&] { return daemon.explain("x")["probes"].at(0)["detail"].text() != ""; }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    write_file(daemon.path("go"), "");
    EXPECT_TRUE(daemon.reaches("x", "ready"));
}

TEST(OnFailure, RestartReplacesTheService) {
    Daemon daemon(served("http = \"http://@HOST@:8001/\", on_failure = \"restart\""));
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    set_mode(daemon, "fail");
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() >= 1; }));
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_THAT(daemon.story("x"), HasSubstr("HTTP 503"));
}

TEST(OnFailure, StopEndsTheServiceForGood) {
    Daemon daemon(served("http = \"http://@HOST@:8001/\", on_failure = \"stop\""));
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    set_mode(daemon, "fail");
    ASSERT_TRUE(daemon.reaches("x", "failed"));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
    EXPECT_EQ(daemon.status("x")["pid"].number(), 0);
}

TEST(Liveness, RestartsWhileReadinessOnlyShows) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ serve unix:@DIR@/x.sock @@DIR@/mode"
restart = { delay = "10ms" }
readiness = { exec = ["test", "-e", "@DIR@/open"], interval = "50ms", retries = 1 }
liveness = { unix = "@DIR@/x.sock", send = "x", expect = "200 OK", interval = "50ms", retries = 2 }
)");
    set_mode(daemon, "ok");
    write_file(daemon.path("open"), "");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto pid = daemon.status("x")["pid"].number();
    std::remove(daemon.path("open").c_str());
    ASSERT_TRUE(daemon.reaches("x", "unhealthy"));
    EXPECT_EQ(daemon.status("x")["pid"].number(), pid);
    write_file(daemon.path("open"), "");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    set_mode(daemon, "fail");
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["restarts"].number() >= 1; }));
}

TEST(StartPeriod, ForgivesFailures) {
    Daemon daemon(served("http = \"http://@HOST@:8001/\", start_period = \"10m\""));
    set_mode(daemon, "fail");
    ASSERT_TRUE(eventually([&] {
        return daemon.explain("x")["probes"].at(0)["detail"].text().find("503") != std::string::npos;
    }));
    EXPECT_EQ(daemon.status("x")["state"].text(), "starting");
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(daemon.status("x")["restarts"].number(), 0);
}

struct Hang {
    std::string name;
    std::string probe;
    std::string listen = "tcp:@HOST@:8001";
};

void PrintTo(const Hang& shown, std::ostream* out) {
    *out << shown.name;
}

class Hanging : public ::testing::TestWithParam<Hang> {};

TEST_P(Hanging, FailsByItsTimeoutAndHoldsNobodyUp) {
    Daemon daemon(
        served(GetParam().probe + ", timeout = \"300ms\", on_failure = \"alert\"", GetParam().listen) +
        "[service.good]\ncommand = \"@ACTOR@\"\n");
    set_mode(daemon, "ok");
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    set_mode(daemon, "hang");
    ASSERT_TRUE(daemon.reaches("x", "unhealthy"));
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "good"}).code(), 0);
    EXPECT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Hanging,
    ::testing::Values(Hang{"Http", "http = \"http://@HOST@:8001/\""},
                      Hang{"Tcp", "tcp = \"@HOST@:8001\", send = \"ruok\", expect = \"200 OK\""},
                      Hang{"Unix", "unix = \"@DIR@/x.sock\", send = \"x\", expect = \"200 OK\"",
                           "unix:@DIR@/x.sock"},
                      Hang{"Exec", "exec = [\"sh\", \"-c\", \"grep -q ok @DIR@/mode || exec sleep 1000\"]"}),
    [](const auto& one) { return one.param.name; });

// More of them than may run at a time: the neighbour's command has no turn in its time, of which it is not guilty.
TEST(HangingProbe, OfManyCommandsFailsNoNeighbour) {
    constexpr int hanging = 40;
    std::string services =
        "[service.good]\ncommand = \"@ACTOR@\"\nhealthcheck = { exec = [\"true\"], "
        "interval = \"100ms\", timeout = \"2s\", retries = 1, on_failure = \"restart\" }\n";
    for (int i = 0; i < hanging; ++i)
        services += "[service.x" + std::to_string(i) +
                    "]\ncommand = \"@ACTOR@\"\ndepends_on = { good = \"ready\" }\nhealthcheck = { exec = "
                    "[\"sleep\", \"1000\"], timeout = \"10m\", on_failure = \"alert\" }\n";
    Daemon daemon(services);
    const auto detail = [&] { return daemon.explain("good")["probes"].at(0)["detail"].text(); };
    ASSERT_TRUE(eventually([&] { return detail().find("was not launched within") != std::string::npos; }))
        << detail();
    EXPECT_EQ(daemon.status("good")["state"].text(), "ready") << daemon.story("good");
    EXPECT_EQ(daemon.status("good")["restarts"].number(), 0) << daemon.story("good");
}

TEST(HangingProbe, OfAPostgresThatNeverAnswersHoldsNobodyUp) {
    Daemon daemon(
        served("postgres = \"hostaddr=@HOST@ port=8001 user=nobody dbname=x\", timeout = \"300ms\", "
               "on_failure = \"alert\"") +
        "[service.good]\ncommand = \"@ACTOR@\"\n");
    set_mode(daemon, "hang");
    ASSERT_TRUE(eventually([&] { return daemon.status("x")["health"].text() == "failing"; }));
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "good"}).code(), 0);
    EXPECT_EQ(daemon.ctl({"stop", "--wait", "x"}).code(), 0);
}

}  // namespace
}  // namespace dpsup::test
