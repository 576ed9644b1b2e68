#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include "unit/http/echo_server.hpp"

namespace dpsup::io::http {
namespace {

TEST_F(HttpServer, AnswersAndKeepsTheConnection) {
    start();
    const auto one = client();
    for (int i = 0; i < 3; ++i) {
        one.send("POST /v1/x?y=1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
        const auto reply = one.read_until("body");
        EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
        EXPECT_THAT(reply, HasSubstr("\r\n\r\nPOST /v1/x?y=1 body"));
    }
}

TEST_F(HttpServer, KnowsWhoAsks) {
    start();
    const auto one = client();
    one.send("GET / HTTP/1.1\r\n\r\n");
    one.read_until("GET /");
    server->on_loop([&] {
        EXPECT_EQ(echo.peer.uid, ::getuid());
        EXPECT_EQ(echo.peer.gid, ::getgid());
        EXPECT_EQ(echo.peer.pid, ::getpid());
        EXPECT_EQ(static_cast<int>(echo.peer.groups.size()), ::getgroups(0, nullptr));
    });
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
    start();
    const auto one = client();
    std::string requests;
    for (int i = 0; i < 200; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
    one.send(requests);
    const auto replies = one.read_until("GET /199 ");
    std::size_t at = 0;
    for (int i = 0; i < 200; ++i) {
        at = replies.find("GET /" + std::to_string(i) + " ", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

TEST_F(HttpServer, CarriesOutNoRequestWhoseBodyItCannotRead) {
    for (const char* coding :
         {"gzip", "gzip, chunked", "identity", "chunked\r\nTransfer-Encoding: chunked"}) {
        start();
        auto one = client();
        one.send("POST /x HTTP/1.1\r\nTransfer-Encoding: " + std::string(coding) + "\r\n\r\n");
        const auto reply = one.read_all();
        EXPECT_THAT(reply, testing::Not(HasSubstr("POST /x"))) << coding;
        EXPECT_THAT(reply, testing::AnyOf(StartsWith("HTTP/1.1 501 "), StartsWith("HTTP/1.1 400 ")))
            << coding;
        EXPECT_TRUE(one.closed()) << coding;
    }
}

TEST_F(HttpServer, TakesRequestsInAnyPieces) {
    start();
    const auto one = client();
    for (const char c :
         std::string("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
        one.send({&c, 1});
    EXPECT_THAT(one.read_until("hi"), HasSubstr("POST /x hi"));
}

TEST_F(HttpServer, AnswersAHalfClosedPeer) {
    start();
    auto one = client();
    one.send("GET /x HTTP/1.1\r\n\r\n");
    one.half_close();
    EXPECT_THAT(one.read_all(), HasSubstr("GET /x"));
    EXPECT_TRUE(one.closed());
}

TEST_F(HttpServer, AnswersAHalfClosedPeerThatHasToWait) {
    start();
    auto one = client();
    one.send("GET /hold HTTP/1.1\r\n\r\n");
    one.half_close();
    EXPECT_EQ(one.read_until("x", 100ms), "");
    server->on_loop([&] { echo.held.at(0)->reply({.body = "late"}); });
    EXPECT_THAT(one.read_all(), HasSubstr("late"));
}

TEST_F(HttpServer, ClosesWhereThePeerAsksForIt) {
    start();
    auto one = client();
    one.send("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(one.read_all(), HasSubstr("Connection: close"));
    EXPECT_TRUE(one.closed());
    auto old = client();
    old.send("GET /x HTTP/1.0\r\n\r\n");
    EXPECT_THAT(old.read_all(), HasSubstr("GET /x"));
    EXPECT_TRUE(old.closed());
}

TEST_F(HttpServer, GoesOnFor100Continue) {
    start();
    const auto one = client();
    one.send("POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_THAT(one.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
    one.send("hi");
    EXPECT_THAT(one.read_until("hi"), HasSubstr("POST /x hi"));
}

TEST_F(HttpServer, AnswersGarbageWith400AndCloses) {
    start();
    for (const std::string& garbage :
         {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS", 16), std::string(300, '\0'),
          std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
          std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
        auto one = client();
        one.send(garbage);
        EXPECT_THAT(one.read_all(), StartsWith("HTTP/1.1 400 Bad Request")) << garbage;
        EXPECT_TRUE(one.closed()) << garbage;
    }
    expect_answers();
}

TEST_F(HttpServer, Answers400WhereTheRequestBreaksOff) {
    start();
    auto one = client();
    one.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nfive!");
    one.half_close();
    EXPECT_THAT(one.read_all(), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServer, RefusesAnOversizedBodyBeforeItComes) {
    start();
    auto one = client();
    one.send("POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n");
    EXPECT_THAT(one.read_all(), StartsWith("HTTP/1.1 413 "));
    EXPECT_TRUE(one.closed());
    auto most = client();
    most.send("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n" + std::string(65536, 'x'));
    EXPECT_THAT(most.read_until("xxx"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, RefusesAnOversizedBodyThatComesInChunks) {
    start();
    auto one = client();
    one.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
    for (int i = 0; i < 20 && one.send(chunk); ++i) continue;
    EXPECT_THAT(one.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServer, RefusesAnOversizedHeader) {
    start();
    auto one = client();
    one.send("GET / HTTP/1.1\r\nX: " + std::string(70000, 'x'));
    EXPECT_THAT(one.read_all(), StartsWith("HTTP/1.1 431 "));
    EXPECT_TRUE(one.closed());
    auto most = client();
    most.send("GET / HTTP/1.1\r\nX: " + std::string(60000, 'x') + "\r\n\r\n");
    EXPECT_THAT(most.read_until("GET /"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, DoesNotWaitForASlowLoris) {
    start({.request_timeout = 300ms});
    auto one = client();
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 30 && one.send("G"); ++i) {
        std::this_thread::sleep_for(20ms);
        if (!one.read_until("\r\n", 1ms).empty()) break;
    }
    EXPECT_TRUE(one.closes_within(3s));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    auto body = client();
    body.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nfive!");
    EXPECT_THAT(body.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServer, ClosesAnIdleConnectionButNotOneThatWaits) {
    start({.idle_timeout = 200ms});
    auto idle = client();
    auto waiting = client();
    waiting.send("GET /hold HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(idle.closes_within(3s));
    std::this_thread::sleep_for(300ms);
    server->on_loop([&] { echo.held.at(0)->reply({.body = "late"}); });
    EXPECT_THAT(waiting.read_until("late"), HasSubstr("late"));
}

TEST_F(HttpServer, IsNotHinderedByAThousandIdleConnections) {
    start();
    std::vector<RawClient> idle;
    for (int i = 0; i < 1000; ++i) idle.push_back(client());
    ASSERT_TRUE(server->settles_at(1000));
    expect_answers();
    idle.front().send("GET /first HTTP/1.1\r\n\r\n");
    EXPECT_THAT(idle.front().read_until("GET /first"), HasSubstr("200 OK"));
}

TEST_F(HttpServer, ClosesTheOldestIdleConnectionWhenFull) {
    start({.connections_max = 3});
    auto waiting = client();
    waiting.send("GET /hold HTTP/1.1\r\n\r\n");
    auto used = client();
    auto idle = client();
    ASSERT_TRUE(server->settles_at(3));
    used.send("GET /x HTTP/1.1\r\n\r\n");  // not the oldest any more
    used.read_until("GET /x");
    expect_answers();
    EXPECT_TRUE(idle.closes_within(2s));
    used.send("GET /y HTTP/1.1\r\n\r\n");
    EXPECT_THAT(used.read_until("GET /y"), HasSubstr("200 OK"));
    server->on_loop([&] { echo.held.at(0)->reply({.body = "late"}); });
    EXPECT_THAT(waiting.read_until("late"), HasSubstr("late"));
}

TEST_F(HttpServer, LeavesDescriptorsToTheRestOfTheDaemon) {
    for (const std::uint64_t descriptors : {128U, 256U, 1024U, 1U << 20U}) {
        const Limits limits = limits_for(descriptors);
        EXPECT_LE(limits.connections_max, descriptors / 2);
        EXPECT_LE(limits.connections_max, descriptors - 64);
        EXPECT_LT(limits.streams_max, limits.connections_max);
        EXPECT_GE(limits.streams_per_user_max, 2U);
    }
    EXPECT_EQ(limits_for(1U << 20U).connections_max, Limits{}.connections_max);
    EXPECT_EQ(limits_for(100).connections_max, 36U);
    EXPECT_EQ(limits_for(16).connections_max, 4U);
}

// As many more descriptors as said, for as long as it lives.
class FewDescriptors {
public:
    explicit FewDescriptors(rlim_t more) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::dup(STDERR_FILENO);  // the lowest number that is free
        ::close(next);
        const rlimit few{static_cast<rlim_t>(next) + more, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

TEST_F(HttpServer, AnswersSoonWhereIdleConnectionsTookAllDescriptors) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "without a descriptor the sanitizer cannot look at memory, and calls every object invalid";
#endif
    start();
    std::vector<int> sockets(150);
    for (int& fd : sockets) fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    server->path().copy(address.sun_path, sizeof address.sun_path - 1);
    const FewDescriptors few(2);
    for (const int fd : sockets)
        ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const std::string_view request = "GET /last HTTP/1.1\r\n\r\n";
    ASSERT_GT(::send(sockets.back(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    // With a pause for each that is closed it would be fifteen seconds.
    pollfd readable{.fd = sockets.back(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&readable, 1, 7000), 1);
    std::array<char, 15> reply{};
    EXPECT_EQ(::recv(sockets.back(), reply.data(), reply.size(), 0), 15);
    EXPECT_EQ(std::string_view(reply.data(), reply.size()), "HTTP/1.1 200 OK");
    for (const int fd : sockets) ::close(fd);
}

TEST_F(HttpServer, LetsSlowAskersGiveWayToo) {
    start({.connections_max = 2});
    auto first = client();
    auto second = client();
    first.send("GET /");
    second.send("GET /");
    ASSERT_TRUE(server->settles_at(2));
    std::this_thread::sleep_for(50ms);
    expect_answers();
}

TEST_F(HttpServer, TurnsAwayWhereAllConnectionsAreAtWork) {
    start({.connections_max = 1});
    const auto waiting = client();
    waiting.send("GET /hold HTTP/1.1\r\n\r\n");
    while (server->on_loop([&] { return echo.held.empty(); })) std::this_thread::sleep_for(1ms);
    auto other = client();
    const auto reply = other.read_all();
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
    const auto body = reply.substr(reply.find("\r\n\r\n") + 4);
    EXPECT_THAT(reply, HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
    EXPECT_TRUE(other.closed());
}

TEST_F(HttpServer, AnswersARequestThatItsHandlerDropped) {
    start();
    const auto one = client();
    one.send("GET /drop HTTP/1.1\r\n\r\n");
    EXPECT_THAT(one.read_until("}}"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServer, FreesThePlaceOfAnAskerThatLeaves) {
    start();
    {
        const auto one = client();
        one.send("GET /hold HTTP/1.1\r\n\r\n");
        while (server->on_loop([&] { return echo.held.empty(); })) std::this_thread::sleep_for(1ms);
        EXPECT_FALSE(server->on_loop([&] { return echo.held.at(0)->alive().expired(); }));
    }
    EXPECT_TRUE(server->settles_at(0));
    server->on_loop([&] {
        EXPECT_TRUE(echo.held.at(0)->alive().expired());
        echo.held.at(0)->reply({.body = "to nobody"});
    });
}

TEST_F(HttpServer, DoesNotWaitForAReaderThatNeverReads) {
    start({.write_timeout = 300ms});
    auto one = client();
    one.send("GET /big HTTP/1.1\r\n\r\n");
    expect_answers();
    EXPECT_TRUE(server->settles_at(0));
}

TEST_F(HttpServer, BoundsWhatNobodyReadsInAll) {
    start({.unread_max = 20 << 20});
    std::vector<RawClient> lazy;
    for (int i = 0; i < 10; ++i) {
        lazy.push_back(client());
        lazy.back().send("GET /big HTTP/1.1\r\n\r\n");
    }
    EXPECT_TRUE(server->settles_at(2)) << "of 8 MiB each";
    auto reader = client();
    reader.send("GET /big HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_GT(reader.read_all().size(), 8U << 20);
    EXPECT_TRUE(lazy.front().closes_within(5s));
}

TEST_F(HttpServer, SendsOneReplyThatIsLargerThanAllRoom) {
    start({.unread_max = 1});
    auto reader = client();
    reader.send("GET /big HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_GT(reader.read_all().size(), 8U << 20);
}

TEST_F(HttpServer, BoundsStreamsAndRepliesTogether) {
    start({.stream_buffer_max = 16 << 20, .unread_max = 10 << 20});
    auto lazy = client();
    lazy.send("GET /big HTTP/1.1\r\n\r\n");
    lazy.read_until("200 OK");
    const auto one = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    one.read_until("first");
    EXPECT_TRUE(write_to_stream(std::string(4 << 20, 'x')));
    EXPECT_TRUE(lazy.closes_within(5s));
    EXPECT_TRUE(write_to_stream("still there"));
}

TEST_F(HttpServer, SendsAReplyThatIsLargerThanTheSocketsBuffer) {
    start();
    const auto one = client();
    one.send("GET /big HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n");
    EXPECT_GT(one.read_until("GET /after", 20s).size(), std::size_t{8} << 20);
}

TEST_F(HttpServer, OutlivesItsHandlersExchanges) {
    start();
    auto waiting = client();
    waiting.send("GET /hold HTTP/1.1\r\n\r\n");
    while (server->on_loop([&] { return echo.held.empty(); })) std::this_thread::sleep_for(1ms);
    server.reset();
    EXPECT_TRUE(waiting.closes_within(2s));
    EXPECT_TRUE(echo.held.at(0)->alive().expired());
    echo.held.clear();
}

}  // namespace
}  // namespace dpsup::io::http
