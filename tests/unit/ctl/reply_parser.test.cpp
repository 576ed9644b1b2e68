#include "dpsupctl/reply_parser.hpp"

#include <gtest/gtest.h>

namespace dpsup::ctl {
namespace {

TEST(ReplyParser, ReadsASizedReplyInAnyPieces) {
    const std::string text = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        ReplyParser parser;
        for (std::size_t at = 0; at < text.size(); at += piece)
            ASSERT_TRUE(parser.feed(text.substr(at, piece)));
        EXPECT_TRUE(parser.done());
        EXPECT_EQ(parser.status(), 404U);
        EXPECT_EQ(parser.take_body(), "hello");
    }
}

TEST(ReplyParser, ReadsChunksInAnyPieces) {
    const std::string text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "Chunked\r\n\r\n6\r\nfirst\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        ReplyParser parser;
        for (std::size_t at = 0; at < text.size(); at += piece)
            ASSERT_TRUE(parser.feed(text.substr(at, piece)));
        EXPECT_TRUE(parser.done());
        EXPECT_EQ(parser.take_body(), "first\nabcdefghijklmnopqrstuvwxyz");
    }
}

TEST(ReplyParser, HandsOutABodyAsItComes) {
    ReplyParser parser;
    ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"));
    EXPECT_TRUE(parser.head_done());
    EXPECT_EQ(parser.take_body(), "ab");
    ASSERT_TRUE(parser.feed("cde\r\n"));
    EXPECT_EQ(parser.take_body(), "cde");
    EXPECT_FALSE(parser.done());
    EXPECT_FALSE(parser.end());
}

TEST(ReplyParser, ReadsUpToTheEndWithoutALength) {
    ReplyParser parser;
    ASSERT_TRUE(parser.feed("HTTP/1.0 200 OK\r\n\r\nall"));
    EXPECT_FALSE(parser.done());
    EXPECT_TRUE(parser.end());
    EXPECT_EQ(parser.take_body(), "all");
}

TEST(ReplyParser, SkipsContinue) {
    ReplyParser parser;
    ASSERT_TRUE(parser.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(parser.done());
    EXPECT_EQ(parser.status(), 200U);
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
    for (const std::string text : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n", "HTTP/1.1\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n"}) {
        ReplyParser parser;
        EXPECT_FALSE(parser.feed(text)) << text;
    }
    ReplyParser parser;
    EXPECT_FALSE(parser.feed(std::string(100000, 'x')));
}

}  // namespace
}  // namespace dpsup::ctl
