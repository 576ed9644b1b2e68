#include <sys/resource.h>
#include <unistd.h>

#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

using Clock = std::chrono::steady_clock;

class Runner : public Probing {
protected:
    config::HttpProbe http(const Server& server) {
        config::HttpProbe probe;
        probe.url = server.url();
        return probe;
    }
    config::TcpProbe tcp(const Server& server, const std::string& expect = "") {
        return {.host = "127.0.0.1", .port = server.port(), .send = "ruok", .expect = expect};
    }
};

class NarrowRunner : public Runner {
protected:
    NarrowRunner() {
        runner = std::make_unique<ProbeRunner>(loop, answer(), nullptr, ProbeLimits{.sockets = 2});
    }

    ProbeRunner::Answer answer() {
        return [this](ServiceId service, Generation generation, core::Probed probed) {
            answers.push_back({service, generation, std::move(probed), Clock::now()});
        };
    }
};

TEST_F(Runner, NeverAnswersFromWithinTheCall) {
    begin(config::UnixProbe{.path = "/nowhere", .send = {}, .expect = {}});
    begin(config::LogProbe{.pattern = "("});
    EXPECT_TRUE(answers.empty());
    wait_for(2);
}

TEST_F(Runner, ProbesThatHangHoldUpNobody) {
    const Server hanging(loop, {.answers = false});
    const Server healthy(loop, {.answer = http_answer("200 OK", "")});
    EXPECT_TRUE(is(ask(http(healthy)), ProbeOutcome::passed));  // libcurl is loaded
    answers.clear();

    const auto begun = Clock::now();
    for (std::uint32_t i = 0; i < 100; ++i) begin(http(hanging), 3s, 1000 + i);
    for (std::uint32_t i = 0; i < 100; ++i) begin(tcp(hanging, "imok"), 3s, 2000 + i);
    for (std::uint32_t i = 0; i < 20; ++i)
        begin(config::TcpProbe{.host = "no-such-host.invalid", .port = 80, .send = {}, .expect = {}}, 3s,
              3000 + i);
    for (std::uint32_t i = 0; i < 100; ++i) begin(http(healthy), 3s, 1 + i);
    wait_for(100);
    std::size_t passed = 0;
    Clock::time_point last{};
    while (passed < 100) {
        passed = 0;
        for (const auto& answer : answers) {
            if (answer.service.value > 100) continue;
            EXPECT_TRUE(is(answer.probed, ProbeOutcome::passed));
            last = std::max(last, answer.at);
            ++passed;
        }
        if (passed < 100) wait_for(answers.size() + 1);
        if (HasFatalFailure()) return;
    }
    EXPECT_LT(last - begun, 1500ms);
    wait_for(320);
    for (const auto& answer : answers) {
        if (answer.service.value <= 100) continue;
        const auto wanted = answer.service.value < 3000 ? ProbeOutcome::failed : ProbeOutcome::unknown;
        EXPECT_TRUE(is(answer.probed, wanted));
    }
    EXPECT_LT(Clock::now() - begun, 4500ms);
    loop.run_for(50ms);
    EXPECT_EQ(answers.size(), 320u);  // each exactly once
}

// The answer is there before the loop looks at anything again; the time-out has passed, too.
TEST_F(Runner, AnAnswerThatCameWhileTheLoopWasHeldUpIsRead) {
    const Server healthy(loop, {.answer = "imok"});
    const Server hanging(loop, {.answers = false});
    begin(tcp(healthy, "imok"), 200ms, 1);
    begin(tcp(hanging, "imok"), 200ms, 2);
    while (healthy.connections() == 0) loop.run_one();
    std::this_thread::sleep_for(400ms);
    wait_for(2);
    for (const auto& answer : answers)
        EXPECT_TRUE(
            is(answer.probed, answer.service.value == 1 ? ProbeOutcome::passed : ProbeOutcome::failed));
}

TEST_F(NarrowRunner, AProbeThatGetsNoPlaceInItsTimeIsUnknown) {
    const Server hanging(loop, {.answers = false});
    for (std::uint32_t i = 1; i <= 2; ++i) begin(tcp(hanging, "imok"), 10s, i);
    loop.run_for(50ms);
    const auto probed = ask(tcp(hanging), 200ms);
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, HasSubstr("no free place for it within 200ms"));
}

TEST_F(NarrowRunner, OneThatGotItsPlaceTooLateDoesNotFail) {
    const Server hanging(loop, {.answers = false});
    for (std::uint32_t i = 2; i <= 3; ++i) begin(tcp(hanging, "imok"), 400ms, i);
    begin(tcp(hanging, "imok"), 500ms, 1);
    wait_for(3);
    EXPECT_TRUE(is(answers[0].probed, ProbeOutcome::failed));
    EXPECT_TRUE(is(answers[1].probed, ProbeOutcome::failed));
    EXPECT_EQ(answers[2].service, ServiceId{1});
    EXPECT_TRUE(is(answers[2].probed, ProbeOutcome::unknown));
    EXPECT_THAT(answers[2].probed.detail, testing::StartsWith("timed out after 500ms"));
}

TEST_F(NarrowRunner, ThoseThatWaitAreServedInOrder) {
    const Server slow(loop, {.answer = "imok", .delay = 50ms});
    for (std::uint32_t i = 1; i <= 8; ++i) begin(tcp(slow, "imok"), 5s, i);
    wait_for(8);
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(is(answers[i].probed, ProbeOutcome::passed));
        EXPECT_EQ((answers[i].service.value - 1) / 2, i / 2);
    }
}

TEST_F(Runner, ForgetsWithoutAnAnswerAndFreesThePlaces) {
    const Server hanging(loop, {.answers = false});
    runner = std::make_unique<ProbeRunner>(
        loop,
        [this](ServiceId service, Generation generation, core::Probed probed) {
            answers.push_back({service, generation, std::move(probed), Clock::now()});
        },
        nullptr, ProbeLimits{.sockets = 1});
    begin(tcp(hanging, "imok"), 10s, 5);
    begin(http(hanging), 10s, 5);
    loop.run_for(50ms);
    runner->forget(ServiceId{5});
    EXPECT_TRUE(is(ask(tcp(hanging), 1s), ProbeOutcome::passed));
    EXPECT_EQ(answers.size(), 1u);
}

TEST_F(Runner, EndsInTheMiddleOfEverything) {
    const Server hanging(loop, {.answers = false});
    for (std::uint32_t i = 0; i < 10; ++i) {
        begin(http(hanging), 10s, i);
        begin(tcp(hanging, "imok"), 10s, i);
        begin(config::TcpProbe{.host = "no-such-host.invalid", .port = 80, .send = {}, .expect = {}}, 10s, i);
        begin(config::PostgresProbe{.conninfo = "host=127.0.0.1 port=" + std::to_string(hanging.port()),
                                    .query = {}},
              10s, i);
        begin(config::LogProbe{.pattern = "x"}, 10s, i, FileOutput{.path = "/dev/null", .offset = 0});
    }
    loop.run_for(100ms);
    const auto told = answers.size();
    runner.reset();
    loop.restart();
    loop.run_for(100ms);
    EXPECT_EQ(answers.size(), told);
}

TEST_F(Runner, ItsOwnLackOfDescriptorsIsUnknown) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "without a descriptor the sanitizer cannot look at memory, and calls every object invalid";
#endif
    const Server server(loop, {.answer = http_answer("200 OK", "")});
    EXPECT_TRUE(is(ask(http(server)), ProbeOutcome::passed));
    const int free_fd = ::dup(0);
    ::close(free_fd);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{static_cast<rlim_t>(free_fd), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto by_http = ask(http(server));
    const auto by_tcp = ask(tcp(server));
    const auto by_postgres = ask(config::PostgresProbe{.conninfo = "host=127.0.0.1 port=1", .query = {}});
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(is(by_http, ProbeOutcome::unknown));
    EXPECT_THAT(by_http.detail, testing::StartsWith("cannot probe: too many open files"));
    EXPECT_TRUE(is(by_tcp, ProbeOutcome::unknown));
    EXPECT_TRUE(is(by_postgres, ProbeOutcome::unknown))
        << "libpq.so.5 cannot be loaded without descriptors either";
    EXPECT_TRUE(is(ask(http(server)), ProbeOutcome::passed));
}

TEST_F(Runner, LeavesNoDescriptorsBehind) {
    const Server server(loop, {.answer = http_answer("200 OK", "")});
    const Server hanging(loop, {.answers = false});
    const auto round = [&] {
        answers.clear();
        for (std::uint32_t i = 0; i < 40; ++i) {
            begin(http(server), 2s, i);
            begin(http(hanging), 100ms, i);
            begin(tcp(hanging, "imok"), 100ms, i);
        }
        wait_for(120);
        loop.run_for(50ms);
    };
    const auto next_fd = [] {
        const int fd = ::dup(0);
        ::close(fd);
        return fd;
    };
    round();
    const int before = next_fd();
    for (int i = 0; i < 3; ++i) round();
    EXPECT_EQ(next_fd(), before);
}

}  // namespace
}  // namespace dpsup::io
