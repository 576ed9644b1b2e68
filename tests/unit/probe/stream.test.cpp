#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/utf8.hpp"
#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

class StreamProbing : public Probing {
protected:
    core::Probed ask_server(Server::Behaviour behaviour, const std::string& send, const std::string& expect,
                            Duration timeout = 2s) {
        server = std::make_unique<Server>(loop, std::move(behaviour));
        return ask(
            config::TcpProbe{.host = "127.0.0.1", .port = server->port(), .send = send, .expect = expect},
            timeout);
    }

    std::unique_ptr<Server> server;
    TemporaryDirectory directory;
};

TEST_F(StreamProbing, AConnectionIsEnoughWhereNothingIsExpected) {
    EXPECT_TRUE(is(ask_server({.answers = false}, "", ""), ProbeOutcome::passed));
    EXPECT_TRUE(is(ask_server({.answers = false}, "PING\r\n", ""), ProbeOutcome::passed));
}

TEST_F(StreamProbing, SendsAndWaitsForTheAnswer) {
    const auto probed = ask_server({.answer = "imok"}, "ruok", "imok");
    EXPECT_TRUE(is(probed, ProbeOutcome::passed));
    EXPECT_EQ(probed.detail, "answered \"imok\"");
    EXPECT_EQ(server->request(), "ruok");
    EXPECT_TRUE(is(
        ask_server({.answer = "220 mail ESMTP\r\n", .waits_for_request = false, .closes = false}, "", "220"),
        ProbeOutcome::passed));
}

TEST_F(StreamProbing, SaysWhatItExpectedAndWhatItGot) {
    const auto other = ask_server({.answer = "This instance is not serving requests\n"}, "ruok", "imok");
    EXPECT_TRUE(is(other, ProbeOutcome::failed));
    EXPECT_THAT(other.detail, testing::StartsWith("expected \"imok\", got \"This instance is not serving"));
    EXPECT_THAT(other.detail, HasSubstr("(tcp 127.0.0.1:"));
    EXPECT_THAT(ask_server({.answer = ""}, "ruok", "imok").detail, HasSubstr("expected \"imok\", got \"\""));
    const auto silent = ask_server({.answers = false}, "ruok", "imok", 100ms);
    EXPECT_TRUE(is(silent, ProbeOutcome::failed));
    EXPECT_THAT(silent.detail, testing::StartsWith("timed out after 100ms, expected \"imok\", got \"\""));
}

TEST_F(StreamProbing, ReadsNoMoreThanTheBound) {
    const auto probed = ask_server({.answer = std::string(1 << 20, 'x'), .repeats = true}, "ruok", "imok");
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr("64 KiB more"));
}

TEST_F(StreamProbing, SaysThatNobodyListens) {
    const auto port = std::make_unique<Server>(loop, Server::Behaviour{})->port();
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        const auto probed = ask(config::TcpProbe{.host = host, .port = port, .send = {}, .expect = {}});
        EXPECT_TRUE(is(probed, ProbeOutcome::failed));
        EXPECT_EQ(probed.detail, "connection refused (tcp " + host + ":" + std::to_string(port) + ")");
    }
}

TEST_F(StreamProbing, TriesAllAddressesOfAName) {
    server = std::make_unique<Server>(loop, Server::Behaviour{.answer = "imok"});
    const config::TcpProbe probe{
        .host = "localhost", .port = server->port(), .send = "ruok", .expect = "imok"};
    EXPECT_TRUE(is(ask(probe), ProbeOutcome::passed));
}

// Cut within a character, or no text at all: what is told is text.
TEST_F(StreamProbing, QuotesWhatIsNoTextAsText) {
    const std::string long_answer = std::string(59, 'x') + "\xc3\xa9 and more, and more";
    for (const std::string& answer : {std::string("\xd0\xff"), long_answer}) {
        server = std::make_unique<Server>(loop, Server::Behaviour{.answer = answer});
        const config::TcpProbe probe{
            .host = "127.0.0.1", .port = server->port(), .send = "ruok", .expect = "imok"};
        const auto probed = ask(probe);
        EXPECT_TRUE(is(probed, ProbeOutcome::failed));
        EXPECT_TRUE(is_utf8(probed.detail)) << probed.detail;
    }
}

TEST_F(StreamProbing, SpeaksOverUnixSockets) {
    const auto path = directory / "socket";
    const Server listening(loop, {.answer = "imok"}, path);
    EXPECT_TRUE(
        is(ask(config::UnixProbe{.path = path, .send = "ruok", .expect = "imok"}), ProbeOutcome::passed));
    EXPECT_TRUE(is(ask(config::UnixProbe{.path = path, .send = {}, .expect = {}}), ProbeOutcome::passed));
}

TEST_F(StreamProbing, SaysWhatIsWrongWithAUnixSocket) {
    const auto ask_path = [&](const std::string& path) {
        return ask(config::UnixProbe{.path = path, .send = {}, .expect = {}});
    };
    const auto missing = ask_path(directory / "missing");
    EXPECT_TRUE(is(missing, ProbeOutcome::failed));
    EXPECT_EQ(missing.detail, "no such file or directory (unix " + (directory / "missing") + ")");
    const auto path = directory / "socket";
    {
        const Server closed(loop, {}, path);
    }
    EXPECT_THAT(ask_path(path).detail, testing::StartsWith("connection refused"));
    EXPECT_TRUE(is(ask_path("/" + std::string(200, 'x')), ProbeOutcome::unknown));
}

TEST_F(StreamProbing, AFullAcceptQueueIsAFailureAndNotAConnection) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory / "stuck";
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    std::vector<int> open = {::socket(AF_UNIX, SOCK_STREAM, 0)};
    ASSERT_EQ(::bind(open[0], generic, sizeof address), 0);
    ASSERT_EQ(::listen(open[0], 0), 0);
    int result = 0;
    while (result == 0 && open.size() < 100) {
        open.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        result = ::connect(open.back(), generic, sizeof address);
    }
    ASSERT_EQ(errno, EAGAIN);
    const auto probed = ask(config::UnixProbe{.path = path, .send = {}, .expect = {}});
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr("accept queue is full"));
    for (const int fd : open) ::close(fd);
}

}  // namespace
}  // namespace dpsup::io
