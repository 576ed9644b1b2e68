#include <cstdlib>

#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

class HttpProbing : public Probing {
protected:
    // Asks a server that behaves like this.
    core::Probed ask_server(Server::Behaviour behaviour, config::HttpProbe probe = {},
                            Duration timeout = 2s) {
        server = std::make_unique<Server>(loop, std::move(behaviour));
        if (probe.url.empty()) probe.url = server->url("/health");
        return ask(probe, timeout);
    }

    std::unique_ptr<Server> server;
};

TEST_F(HttpProbing, PassesByDefaultOnAnyStatusFrom200To399) {
    const auto passed = ask_server({.answer = http_answer("200 OK", "fine")});
    EXPECT_TRUE(is(passed, ProbeOutcome::passed));
    EXPECT_EQ(passed.detail, "HTTP 200");
    EXPECT_TRUE(is(ask_server({.answer = http_answer("399 X", "")}), ProbeOutcome::passed));
    const auto failed = ask_server({.answer = http_answer("503 Service Unavailable", "starting")});
    EXPECT_TRUE(is(failed, ProbeOutcome::failed));
    EXPECT_EQ(failed.detail, "HTTP 503 (http " + server->url("/health") + ")");
}

TEST_F(HttpProbing, TakesTheStatusRangesThatAreConfigured) {
    config::HttpProbe probe;
    probe.status = {{401, 401}, {500, 599}};
    EXPECT_TRUE(is(ask_server({.answer = http_answer("401 Unauthorized", "")}, probe), ProbeOutcome::passed));
    EXPECT_TRUE(is(ask_server({.answer = http_answer("200 OK", "")}, probe), ProbeOutcome::failed));
}

TEST_F(HttpProbing, DoesNotFollowARedirect) {
    Server target(loop, {.answer = http_answer("500 Oops", "")});
    const auto probed =
        ask_server({.answer = http_answer("302 Found", "", "Location: " + target.url() + "\r\n")});
    EXPECT_TRUE(is(probed, ProbeOutcome::passed));
    EXPECT_EQ(probed.detail, "HTTP 302");
    EXPECT_EQ(target.connections(), 0);
}

TEST_F(HttpProbing, SendsMethodAndHeadersAndNothingOfTheEnvironmentsProxy) {
    ::setenv("http_proxy", "http://127.0.0.1:1/", 1);
    config::HttpProbe probe;
    probe.method = "POST";
    probe.headers = {{"Host", "db.example"}, {"X-Empty", ""}};
    const auto probed = ask_server({.answer = http_answer("200 OK", "")}, probe);
    ::unsetenv("http_proxy");
    EXPECT_TRUE(is(probed, ProbeOutcome::passed));
    EXPECT_THAT(server->request(), testing::StartsWith("POST /health HTTP/1.1\r\n"));
    EXPECT_THAT(server->request(), HasSubstr("Host: db.example\r\n"));
    EXPECT_THAT(server->request(), HasSubstr("X-Empty:\r\n"));
    EXPECT_THAT(server->request(), HasSubstr("Content-Length: 0\r\n"));
    EXPECT_THAT(server->request(), HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(server->request(), testing::Not(HasSubstr("Content-Type")));
}

TEST_F(HttpProbing, AHandleThatServedAnotherMethodBeforeForgetsIt) {
    config::HttpProbe head;
    head.method = "HEAD";
    const auto answer = http_answer("200 OK", "");
    EXPECT_TRUE(is(ask_server({.answer = answer}, head), ProbeOutcome::passed));
    EXPECT_THAT(server->request(), testing::StartsWith("HEAD "));
    EXPECT_TRUE(is(ask_server({.answer = answer}), ProbeOutcome::passed));
    EXPECT_THAT(server->request(), testing::StartsWith("GET "));
    config::HttpProbe put;
    put.method = "PUT";
    EXPECT_TRUE(is(ask_server({.answer = answer}, put), ProbeOutcome::passed));
    EXPECT_TRUE(is(ask_server({.answer = answer}), ProbeOutcome::passed));
    EXPECT_THAT(server->request(), testing::StartsWith("GET "));
    EXPECT_THAT(server->request(), testing::Not(HasSubstr("Content-Length")));
}

TEST_F(HttpProbing, OpensANewConnectionForEachProbe) {
    const std::string keep_alive = http_answer("200 OK", "fine", "Connection: keep-alive\r\n");
    server = std::make_unique<Server>(loop, Server::Behaviour{.answer = keep_alive, .closes = false});
    config::HttpProbe probe;
    probe.url = server->url();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is(ask(probe), ProbeOutcome::passed));
    EXPECT_EQ(server->connections(), 3);
}

TEST_F(HttpProbing, ComparesValuesInTheJson) {
    config::HttpProbe probe;
    probe.json = {{"/status", {"green", "yellow"}}, {"/nodes/0/up", {"true"}}, {"/count", {"3", "4.0"}}};
    const auto answer = [](const std::string& json) {
        return Server::Behaviour{.answer = http_answer("200 OK", json)};
    };
    const auto good = R"({"status": "yellow", "nodes": [{"up": true}], "count": 4})";
    EXPECT_TRUE(is(ask_server(answer(good), probe), ProbeOutcome::passed));

    const auto red = ask_server(answer(R"({"status": "red", "nodes": [{"up": true}], "count": 4})"), probe);
    EXPECT_TRUE(is(red, ProbeOutcome::failed));
    EXPECT_THAT(red.detail, testing::StartsWith(R"(/status is "red", expected "green" or "yellow")"));

    const auto none = ask_server(answer(R"({"status": "green"})"), probe);
    EXPECT_TRUE(is(none, ProbeOutcome::failed));
    EXPECT_THAT(none.detail, HasSubstr("no /count in the answer"));

    const auto html = ask_server(answer("<html>"), probe);
    EXPECT_TRUE(is(html, ProbeOutcome::failed));
    EXPECT_THAT(html.detail, HasSubstr(R"(the answer is not JSON: "<html>")"));

    std::string deep(10'000, '[');
    EXPECT_TRUE(is(ask_server(answer(deep), probe), ProbeOutcome::failed));
}

TEST_F(HttpProbing, LooksForATextInTheBody) {
    config::HttpProbe probe;
    probe.body = "imok";
    EXPECT_TRUE(
        is(ask_server({.answer = http_answer("200 OK", "well, imok.")}, probe), ProbeOutcome::passed));
    const auto probed = ask_server({.answer = http_answer("200 OK", "nothing")}, probe);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr(R"(the answer does not contain "imok")"));
}

TEST_F(HttpProbing, ReadsNoMoreThanTheBoundOfAHugeBody) {
    const std::string endless = "HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'x');
    EXPECT_TRUE(is(ask_server({.answer = endless, .repeats = true}), ProbeOutcome::passed));
    config::HttpProbe probe;
    probe.body = "y";
    const auto probed = ask_server({.answer = endless, .repeats = true}, probe);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr("in its first 64 KiB"));
    probe.body.clear();
    probe.json = {{"/a", {"b"}}};
    EXPECT_THAT(ask_server({.answer = endless, .repeats = true}, probe).detail, HasSubstr("too long"));
}

TEST_F(HttpProbing, GivesUpOnEndlessHeaders) {
    std::string headers = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 5000; ++i)
        headers += "X-Header-" + std::to_string(i) + ": some value that goes on\r\n";
    const auto probed = ask_server({.answer = headers, .closes = false});
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_THAT(probed.detail, HasSubstr("headers are longer than 64 KiB"));
}

TEST_F(HttpProbing, SaysWhatASilentServerDoes) {
    const auto silent = ask_server({.answers = false}, {}, 150ms);
    EXPECT_TRUE(is(silent, ProbeOutcome::failed));
    EXPECT_THAT(silent.detail,
                HasSubstr("timed out after 150ms, connected but no answer (http http://127.0.0.1:"));

    const auto stuck =
        ask_server({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", .closes = false}, {}, 150ms);
    EXPECT_TRUE(is(stuck, ProbeOutcome::failed));
    EXPECT_THAT(stuck.detail, HasSubstr("timed out after 150ms, in the middle of the answer (HTTP 200)"));
}

TEST_F(HttpProbing, WaitsForASlowServerThatIsInTime) {
    EXPECT_TRUE(is(ask_server({.answer = http_answer("200 OK", ""), .delay = 300ms}), ProbeOutcome::passed));
}

TEST_F(HttpProbing, SaysWhatABrokenServerDoes) {
    const auto garbage = ask_server({.answer = "\x01\x02 imok\n"});
    EXPECT_TRUE(is(garbage, ProbeOutcome::failed));
    EXPECT_THAT(garbage.detail, HasSubstr("answers, but not in HTTP"));

    const auto nothing = ask_server({.answer = ""});
    EXPECT_TRUE(is(nothing, ProbeOutcome::failed));
    EXPECT_THAT(nothing.detail, HasSubstr("closed the connection without an answer"));

    const auto half = ask_server({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"});
    EXPECT_TRUE(is(half, ProbeOutcome::failed));
    EXPECT_THAT(half.detail, HasSubstr("HTTP 200, then closed the connection"));
}

TEST_F(HttpProbing, SaysThatNobodyListens) {
    const auto port = std::make_unique<Server>(loop, Server::Behaviour{})->port();
    config::HttpProbe probe;
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        probe.url = "http://" + host + ":" + std::to_string(port) + "/";
        const auto probed = ask(probe);
        EXPECT_TRUE(is(probed, ProbeOutcome::failed));
        EXPECT_THAT(probed.detail, testing::StartsWith("connection refused (http http://"));
    }
}

TEST_F(HttpProbing, AnUnknownNameIsNoFailureOfTheService) {
    config::HttpProbe probe;
    probe.url = "http://no-such-host.invalid:80/";
    const auto probed = ask(probe, 1s);
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, testing::AnyOf(HasSubstr("cannot resolve no-such-host.invalid"),
                                              HasSubstr("resolving no-such-host.invalid")));
}

TEST_F(HttpProbing, LooksUpNamesThatAreNotNumeric) {
    std::array<char, 256> name{};
    ASSERT_EQ(::gethostname(name.data(), name.size()), 0);
    server = std::make_unique<Server>(loop, Server::Behaviour{.answer = http_answer("200 OK", "")});
    config::HttpProbe probe;
    probe.url = "http://" + std::string(name.data()) + ":" + std::to_string(server->port()) + "/";
    const auto probed = ask(probe);
    if (probed.outcome == ProbeOutcome::unknown) GTEST_SKIP() << "this host's own name does not resolve";
    // The name may be another address than the server's: then nobody listens there, which we have learned
    // from it.
    EXPECT_THAT(probed.detail, testing::AnyOf("HTTP 200", HasSubstr("connection refused")));
}

TEST_F(HttpProbing, RefusesOtherProtocols) {
    config::HttpProbe probe;
    probe.url = "file://localhost/etc/passwd";
    EXPECT_TRUE(is(ask(probe), ProbeOutcome::unknown));
}

}  // namespace
}  // namespace dpsup::io
