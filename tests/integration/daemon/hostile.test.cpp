// The control socket in bad company: everything is bounded, and well-behaved clients notice nothing.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <random>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

constexpr const char* one = "[service.x]\ncommand = \"@ACTOR@\"\nrestart = { delay = \"1ms\" }\n";

void expect_well(const Daemon& daemon) {
    const Finished status = daemon.ctl({"status"});
    EXPECT_EQ(status.code(), 0) << status.all();
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
}

void allow_descriptors(rlim_t count) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min(limit.rlim_max, count);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(Hostile, AThousandIdleConnectionsAreNoHarm) {
    allow_descriptors(4096);
    Daemon daemon(one);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    std::vector<Connection> idle;
    for (int i = 0; i < 1000; ++i) {
        idle.emplace_back(daemon.socket());
        ASSERT_TRUE(idle.back().connected()) << i;
    }
    expect_well(daemon);
    idle.front().request("GET", "/v1/version");
    EXPECT_EQ(idle.front().read_reply().status, 200);
}

TEST(Hostile, MoreConnectionsThanThereIsRoomForMakeRoom) {
    allow_descriptors(8192);
    Daemon daemon(one);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    std::vector<Connection> idle;
    for (int i = 0; i < 3000; ++i) {
        idle.emplace_back(daemon.socket());
        (void)idle.back().write("GET /v1/st");
        if (i % 100 == 0) {
            ASSERT_EQ(daemon.http("GET", "/v1/version").status, 200) << i;
        }
    }
    expect_well(daemon);
}

TEST(Hostile, IdleConnectionsLeaveDescriptorsForLaunches) {
    Options options;
    options.before_exec = [] {
        const rlimit few{128, 128};
        return ::setrlimit(RLIMIT_NOFILE, &few) == 0;
    };
    Daemon daemon(one, options);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    std::vector<Connection> idle;
    for (int i = 0; i < 300; ++i) {
        idle.emplace_back(daemon.socket());
        ASSERT_TRUE(idle.back().connected()) << i;
    }
    expect_well(daemon);
    EXPECT_THAT(daemon.story("x"), testing::Not(testing::HasSubstr("could not be launched")));
}

TEST(Hostile, AnOversizedBodyIsRefused) {
    Daemon daemon(one);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const Reply huge = daemon.http("POST", "/v1/actions", std::string(1 << 20, ' '));
    EXPECT_EQ(huge.status, 413);
    EXPECT_EQ(huge.json()["error"]["code"].text(), "body_too_large");

    Connection boast(daemon.socket());
    (void)boast.write("POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n");
    EXPECT_EQ(boast.read_reply().status, 413);

    Connection endless(daemon.socket());
    (void)endless.write("POST /v1/actions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    bool taken = true;
    for (int i = 0; taken && i < 1000; ++i) taken = endless.write(chunk);
    EXPECT_FALSE(taken) << "64 MB were taken without an end";
    expect_well(daemon);
}

TEST(Hostile, EndlessHeadersAreRefused) {
    Daemon daemon(one);
    Connection endless(daemon.socket());
    (void)endless.write("GET /v1/status HTTP/1.1\r\nHost: x\r\n");
    bool taken = true;
    for (int i = 0; taken && i < 10000; ++i)
        taken = endless.write("X-Filler: " + std::string(10000, 'x') + "\r\n");
    EXPECT_FALSE(taken) << "100 MB of headers were taken";
    EXPECT_EQ(daemon.http("GET", "/v1/version").status, 200);
}

TEST(Hostile, GarbageIsRefusedOrDropped) {
    Daemon daemon(one);
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    std::mt19937 chance(4711);
    for (int round = 0; round < 200; ++round) {
        Connection connection(daemon.socket());
        std::string noise(1 + chance() % 4096, '\0');
        for (char& byte : noise) byte = static_cast<char>(chance());
        (void)connection.write(noise);
    }
    for (const char* text :
         {"\r\n\r\n", "GET\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
          "GET /v1/status HTTP/9.9\r\n\r\n", "BREW /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /v1/services/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /v1/services/../../etc HTTP/1.1\r\nHost: x\r\n\r\n"}) {
        Connection connection(daemon.socket());
        (void)connection.write(text);
        const int status = connection.read_reply(std::chrono::seconds(15)).status;
        EXPECT_TRUE(status == 0 || status >= 400) << text << " was answered " << status;
    }
    expect_well(daemon);
}

struct Wrong {
    std::string name;
    std::string method;
    std::string target;
    std::string body;
    int status = 0;
};

void PrintTo(const Wrong& shown, std::ostream* out) {
    *out << shown.name;
}

class WrongRequest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongRequest, IsAnsweredWithAnErrorThatHelps) {
    Daemon daemon(one);
    const Reply reply = daemon.http(GetParam().method, GetParam().target, GetParam().body);
    EXPECT_EQ(reply.status, GetParam().status) << reply.body;
    EXPECT_NE(reply.json()["error"]["code"].text(), "");
    EXPECT_NE(reply.json()["error"]["message"].text(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WrongRequest,
    ::testing::Values(Wrong{"NoSuchPath", "GET", "/v1/statsu", "", 404},
                      Wrong{"WrongMethod", "DELETE", "/v1/status", "", 405},
                      Wrong{"NoSuchService", "POST", "/v1/services/nobody/start", "", 404},
                      Wrong{"NoJson", "POST", "/v1/services/x/start", "{", 400},
                      Wrong{"WrongType", "POST", "/v1/services/x/start", "[]", 400},
                      Wrong{"UnknownField", "POST", "/v1/services/x/start", R"({"wiat":true})", 400},
                      Wrong{"DeepJson", "POST", "/v1/services/x/start", std::string(10000, '['), 400}),
    [](const auto& wrong) { return wrong.param.name; });

// Streams that nobody reads, while a service that cannot be launched says so at length and fills them: they are closed,
// and nobody waits for them.
TEST(Hostile, AReaderThatNeverReadsIsCutOff) {
    const std::string far_away = "/nonexistent/" + std::string(2000, 'x');
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@\"\n[service.noisy]\ncommand = [\"" + far_away +
                      "\"]\nrestart = { delay = \"0s\", max_delay = \"1ms\" }\n",
                  {.daemon_keys = "restart_budget = { burst = 1000000, per_second = 1000000 }"});
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    const auto memory = [&] {
        const std::string status = read_file("/proc/" + std::to_string(daemon.pid()) + "/status");
        return std::atol(status.c_str() + status.find("VmRSS:") + 6);
    };
    std::vector<Connection> streams;
    for (int i = 0; i < 10; ++i) {
        streams.emplace_back(daemon.socket());
        streams.back().request("GET", "/v1/events");
    }
    Connection pipelined(daemon.socket());
    for (int i = 0; i < 200; ++i)
        (void)pipelined.write("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", Clock::duration::zero());
    const long before = memory();
    // Sooner than a stream without any progress is given up.
    EXPECT_TRUE(eventually(
        [&] {
            return std::all_of(streams.begin(), streams.end(),
                               [](const auto& each) { return each.hung_up(); });
        },
        std::chrono::seconds(45)))
        << "the streams are still open";
    expect_well(daemon);
    // 10 streams with at most 2 MiB each, and as much again for what the allocator keeps.
    EXPECT_LT(memory() - before, sanitized ? 400'000 : 40'000);
}

TEST(Hostile, SlowRequestsAreCutOff) {
    Daemon daemon(one);
    Connection slow(daemon.socket());
    (void)slow.write("GET /v1/status HTTP/1.1\r\n");
    EXPECT_TRUE(slow.closed_by_peer(std::chrono::seconds(30)));
    EXPECT_EQ(daemon.http("GET", "/v1/version").status, 200);
}

}  // namespace
}  // namespace dpsup::test
