#include <thread>

#include "unit/http/echo_server.hpp"

namespace dpsup::io::http {
namespace {

TEST_F(HttpServer, StreamsInChunks) {
    start();
    const auto one = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    EXPECT_THAT(one.read_until("first"), HasSubstr("Transfer-Encoding: chunked\r\n\r\n6\r\nfirst\n"));
    EXPECT_TRUE(write_to_stream("second\n"));
    EXPECT_THAT(one.read_until("second"), HasSubstr("7\r\nsecond\n"));
}

TEST_F(HttpServer, StreamsToAnOldClientUpToTheEnd) {
    start();
    const auto one = client();
    one.send("GET /stream HTTP/1.0\r\n\r\n");
    EXPECT_THAT(one.read_until("first"), HasSubstr("\r\n\r\nfirst\n"));
}

TEST_F(HttpServer, EndsStreamsInOrderWhenItLeaves) {
    start();
    auto one = client();
    auto old = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    one.read_until("first");
    old.send("GET /stream HTTP/1.0\r\n\r\n");
    old.read_until("first");
    server->leave();
    EXPECT_THAT(one.read_all(), testing::EndsWith("0\r\n\r\n"));
    EXPECT_TRUE(one.closed());
    static_cast<void>(old.read_all());
    EXPECT_TRUE(old.closed());
    EXPECT_TRUE(server->has_left());
}

TEST_F(HttpServer, LeavesOnceEverybodyHasHisAnswer) {
    start();
    auto idle = client();
    idle.send("GET /x HTTP/1.1\r\n\r\n");
    EXPECT_NE(idle.read_until("}"), "");
    auto half = client();
    half.send("GET /x HTTP/1.1\r\n");
    ASSERT_TRUE(server->settles_at(2));
    server->leave();
    EXPECT_EQ(idle.read_all(), "");
    EXPECT_TRUE(idle.closed());
    EXPECT_FALSE(server->has_left());
    half.send("\r\n");
    EXPECT_THAT(half.read_all(), HasSubstr("Connection: close"));
    EXPECT_TRUE(server->has_left());

    // Whoever comes meanwhile waits for the next one.
    auto next = client();
    ASSERT_TRUE(next.connected());
    next.send("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_FALSE(next.closes_within(20ms));
    server->resume();
    EXPECT_THAT(next.read_all(), HasSubstr("200 OK"));
}

TEST_F(HttpServer, SendsHeartbeatsInSilence) {
    start({.heartbeat = 50ms});
    const auto one = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    EXPECT_THAT(one.read_until("beat\n\r\n5\r\nbeat\n"), HasSubstr("beat\n\r\n5\r\nbeat\n"));
}

TEST_F(HttpServer, EndsAStreamWhoseReaderIsTooSlow) {
    start({.stream_buffer_max = 100000});
    const auto one = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    one.read_until("first");
    const std::string line(10000, 'x');
    int written = 0;
    while (write_to_stream(line) && written < 10000) ++written;
    EXPECT_GT(written, 10);
    EXPECT_LT(written, 1000) << "the buffer is not bounded";
    EXPECT_TRUE(server->settles_at(0));
}

TEST_F(HttpServer, EndsAStreamWhoseReaderHasStopped) {
    start({.write_timeout = 200ms, .heartbeat = 50ms});
    const auto one = client();
    one.send("GET /stream HTTP/1.1\r\n\r\n");
    one.read_until("first");
    write_to_stream(std::string(1000000, 'x'));
    EXPECT_TRUE(server->settles_at(0));
}

TEST_F(HttpServer, NoticesThatAStreamsReaderHasLeft) {
    start();
    {
        const auto one = client();
        one.send("GET /stream HTTP/1.1\r\n\r\n");
        one.read_until("first");
    }
    EXPECT_TRUE(server->settles_at(0));
    EXPECT_FALSE(write_to_stream("x"));
}

TEST_F(HttpServer, BoundsTheNumberOfStreams) {
    start({.streams_max = 1});
    const auto first = client();
    first.send("GET /stream HTTP/1.1\r\n\r\n");
    first.read_until("first");
    {
        const auto second = client();
        second.send("GET /stream HTTP/1.1\r\n\r\n");
        EXPECT_THAT(second.read_until("}}"), StartsWith("HTTP/1.1 503 "));
    }
    EXPECT_TRUE(server->settles_at(1));
}

TEST_F(HttpServer, BoundsTheStreamsOfOneUser) {
    start({.streams_per_user_max = 1});
    const auto first = client();
    first.send("GET /stream HTTP/1.1\r\n\r\n");
    first.read_until("first");
    const auto second = client();
    second.send("GET /stream HTTP/1.1\r\n\r\n");
    EXPECT_THAT(second.read_until("}}"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("too_many_streams")));
}

TEST_F(HttpServer, ForgetsStreamsThatHaveEnded) {
    start({.streams_max = 1});
    for (int i = 0; i < 3; ++i) {
        {
            const auto one = client();
            one.send("GET /stream HTTP/1.1\r\n\r\n");
            EXPECT_THAT(one.read_until("first"), StartsWith("HTTP/1.1 200"));
        }
        EXPECT_TRUE(server->settles_at(0));
    }
}

}  // namespace
}  // namespace dpsup::io::http
