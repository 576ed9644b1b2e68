#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/loading.hpp"

namespace dpsup::config {
namespace {

using namespace std::chrono_literals;
using core::OnProbeFailure;
using core::ProbeRole;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

template <class Target>
Target probe(const std::string& table) {
    return std::get<Target>(loaded_service("healthcheck = " + table).targets.at(0));
}

std::string wrong(const std::string& table) {
    return findings(service("healthcheck = " + table));
}

TEST(Probe, ReadsItsSchedule) {
    const auto policy =
        loaded_service(
            "healthcheck = { tcp = \"db:1\", interval = \"1s\", timeout = \"2s\", retries = 4, "
            "successes = 5, start_period = \"6s\", start_interval = \"7s\", on_failure = \"stop\" }")
            .policy.probes.at(0);
    EXPECT_EQ(policy, (core::ProbePolicy{ProbeRole::health, 6s, 7s, 1s, 2s, 4, 5, OnProbeFailure::stop}));
}

TEST(Probe, OfEachKindIsRead) {
    EXPECT_EQ(probe<TcpProbe>("{ tcp = \"db1:5432\", send = \"ruok\", expect = \"imok\" }"),
              (TcpProbe{"db1", 5432, "ruok", "imok"}));
    EXPECT_EQ(probe<TcpProbe>("{ tcp = \"[::1]:80\" }").host, "::1");
    EXPECT_EQ(probe<UnixProbe>("{ unix = \"/s\", send = \"a\\n\" }"), (UnixProbe{"/s", "a\n", ""}));
    EXPECT_THAT(probe<ExecProbe>("{ exec = \"check me\" }").command, ElementsAre("check", "me"));
    EXPECT_EQ(probe<PostgresProbe>("{ postgres = \"host=/run\", query = \"SELECT 1\" }"),
              (PostgresProbe{"host=/run", "SELECT 1"}));
    EXPECT_EQ(probe<LogProbe>("{ log = \"ready [0-9]+\" }").pattern, "ready [0-9]+");
}

TEST(Probe, ReadsHttpWhole) {
    const auto http = probe<HttpProbe>(
        "{ http = \"https://h:1/p?q\", method = \"HEAD\", headers = { Host = \"a\" }, status = [200, "
        "\"300-399\"], body = \"ok\", "
        "json = { \"/a\" = [\"x\", 1, true], \"/b\" = \"y\" }, tls_verify = false, ca_file = \"/ca\" }");
    EXPECT_EQ(http.url, "https://h:1/p?q");
    EXPECT_EQ(http.method, "HEAD");
    EXPECT_THAT(http.headers, ElementsAre(Pair("Host", "a")));
    EXPECT_THAT(http.status, ElementsAre(Pair(200, 200), Pair(300, 399)));
    EXPECT_EQ(http.body, "ok");
    EXPECT_THAT(http.json,
                ElementsAre(Pair("/a", ElementsAre("x", "1", "true")), Pair("/b", ElementsAre("y"))));
    EXPECT_FALSE(http.tls_verify);
    EXPECT_EQ(http.ca_file, "/ca");
    EXPECT_THAT(probe<HttpProbe>("{ http = \"http://h\" }").status, ElementsAre(Pair(200, 399)));
    EXPECT_THAT(probe<HttpProbe>("{ http = \"http://h\", status = \"204-204\" }").status,
                ElementsAre(Pair(204, 204)));
}

TEST(Probe, TakesEveryUrlThatCanWork) {
    for (const std::string url :
         {"http://h", "http://h:65535", "http://h:/", "http://h?x=:99999", "http://u:p@h:1/@:99999",
          "https://[::1]/", "http://[::1]:8080/x", "http://[fe80::1%25eth0]:80/", "http://a_b.example:80#x"})
        EXPECT_EQ(probe<HttpProbe>("{ http = \"" + url + "\" }").url, url);
}

TEST(Probe, HasExactlyOneTarget) {
    EXPECT_THAT(wrong("{ interval = \"1s\" }"),
                HasSubstr("needs a target: exactly one of http, tcp, unix, exec, postgres and log"));
    EXPECT_THAT(wrong("{ http = \"http://h\", tcp = \"h:1\" }"),
                HasSubstr("has http and tcp, but a probe has one target"));
    EXPECT_THAT(wrong("{ tcp = \"h:1\", method = \"GET\" }"),
                HasSubstr("healthcheck.method: belongs to probes of the kind http"));
    EXPECT_THAT(wrong("{ http = \"http://h\", send = \"x\" }"), HasSubstr("of the kind tcp or unix"));
    EXPECT_THAT(wrong("{ test = [\"CMD\", \"x\"] }"), HasSubstr("write exec = "));
    EXPECT_THAT(wrong("{ test = [\"CMD\", \"x\"] }"), Not(HasSubstr("needs a target")));
}

TEST(Probe, RefusesTargetsThatCannotBe) {
    for (const auto* bad : {"tcp = \"h\"",
                            "tcp = \"h:0\"",
                            "tcp = \"h:65536\"",
                            "tcp = \":1\"",
                            "tcp = \"::1:80\"",
                            "tcp = 80",
                            "http = \"h\"",
                            "http = \"ftp://h\"",
                            "http = \"http://\"",
                            "http = \"http:///x\"",
                            "http = \"http://?x\"",
                            "http = \"http://user@/\"",
                            "http = \"http://:80/\"",
                            "http = \"http://[::1\"",
                            "http = \"http://[::1/x\"",
                            "http = \"http://[]/\"",
                            "http = \"http://[h]/\"",
                            "http = \"http://[::1]x/\"",
                            "http = \"http://[::1]:0/\"",
                            "http = \"http://::1/\"",
                            "http = \"http://h]/\"",
                            "http = \"http://127.0.0.1:99999/\"",
                            "http = \"http://h:0/\"",
                            "http = \"http://h:80x/\"",
                            "http = \"http://h:-1\"",
                            "http = \"http://h/a b\"",
                            "unix = \"s\"",
                            "exec = []",
                            "log = \"(\"",
                            "log = \"\"",
                            "http = \"http://h\", status = 99",
                            "http = \"http://h\", status = \"400-200\"",
                            "http = \"http://h\", status = []",
                            "http = \"http://h\", json = { a = 1 }",
                            "http = \"http://h\", json = { \"/a\" = [] }",
                            "http = \"http://h\", headers = { \"a b\" = \"c\" }",
                            "http = \"http://h\", headers = { a = \"c\\r\\nX: y\" }",
                            "http = \"http://h\", method = \"G T\""})
        EXPECT_FALSE(load_text(service("healthcheck = { " + std::string(bad) + " }")).config) << bad;
    EXPECT_FALSE(load_text(service("healthcheck = { unix = \"/" + std::string(107, 'x') + "\" }")).config);
    EXPECT_THAT(wrong("{ tcp = 80 }"), HasSubstr("write \"127.0.0.1:80\""));
}

TEST(Probe, ShowsNoPassword) {
    const std::string found = wrong("{ postgres = \"host=h password=hunter2\" }");
    EXPECT_THAT(found, HasSubstr("warning"));
    EXPECT_THAT(found, HasSubstr("passfile"));
    EXPECT_THAT(found, Not(HasSubstr("hunter2")));
    EXPECT_THAT(wrong("{ postgres = \"postgres://u:hunter2@h/db\" }"), HasSubstr("passfile"));
    EXPECT_EQ(wrong("{ postgres = \"host=h passfile=/etc/db-password user=u\" }"), "");
    EXPECT_THAT(wrong("{ http = \"http://h\", headers = { Authorization = [\"hunter2\"] } }"),
                Not(HasSubstr("hunter2")));
}

TEST(Probes, StandInTheOrderOfTheirRoles) {
    const Service x = loaded_service(
        "liveness = { tcp = \"l:1\" }\nstartup = { tcp = \"s:1\" }\nreadiness = { tcp = \"r:1\" }");
    ASSERT_EQ(x.policy.probes.size(), 3U);
    EXPECT_EQ(x.policy.probes[0].role, ProbeRole::startup);
    EXPECT_EQ(std::get<TcpProbe>(x.targets[0]).host, "s");
    EXPECT_EQ(x.policy.probes[1].role, ProbeRole::readiness);
    EXPECT_EQ(std::get<TcpProbe>(x.targets[1]).host, "r");
    EXPECT_EQ(std::get<TcpProbe>(x.targets[2]).host, "l");
}

TEST(Readiness, RestartsNothingByItself) {
    EXPECT_EQ(loaded_service("readiness = { tcp = \"r:1\" }").policy.probes[0].on_failure,
              OnProbeFailure::alert);
    EXPECT_EQ(loaded_service("liveness = { tcp = \"r:1\" }").policy.probes[0].on_failure,
              OnProbeFailure::restart);
}

TEST(Probes, MustMakeSenseTogether) {
    const std::string tcp = " = { tcp = \"h:1\" }\n";
    EXPECT_THAT(findings(service("healthcheck" + tcp + "liveness" + tcp)),
                HasSubstr("stands for readiness and liveness"));
    EXPECT_TRUE(load_text(service("healthcheck" + tcp + "startup" + tcp)).config);
    EXPECT_THAT(findings(service("liveness = { log = \"x\" }")), HasSubstr("a line in the log is seen once"));
    EXPECT_THAT(findings(service("startup = { log = \"x\" }\nlog = { target = \"none\" }")),
                HasSubstr("a log probe needs the output"));
}

}  // namespace
}  // namespace dpsup::config
