#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

// The simplest launcher there is: fork, exec, and look every few milliseconds whether it has ended.
class Command : public std::enable_shared_from_this<Command> {
public:
    Command(boost::asio::io_context& loop, ExecEvents events) : timer_(loop), events_(std::move(events)) {}

    void launch(const ExecRequest& request) {
        int out[2] = {-1, -1};
        if (::pipe(out) != 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(out[1], 1);
            ::dup2(out[1], 2);
            std::vector<char*> argv;
            for (const auto& word : request.command) argv.push_back(const_cast<char*>(word.c_str()));
            argv.push_back(nullptr);
            ::execvp(argv[0], argv.data());
            ::_exit(127);
        }
        ::close(out[1]);
        output_ = out[0];
        events_.launched();
        look();
    }

    void kill() {
        killed_ = true;
        ::kill(pid_, SIGKILL);
    }

private:
    void look() {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            ExecResult result;
            result.kind = WIFEXITED(status) ? ExecResult::Kind::exited : ExecResult::Kind::signaled;
            result.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
            result.output.resize(256);
            const auto got = ::read(output_, result.output.data(), result.output.size());
            result.output.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
            ::close(output_);
            if (!killed_) events_.ended(result);
            return events_.gone();
        }
        timer_.expires_after(5ms);
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->look(); });
    }

    boost::asio::steady_timer timer_;
    ExecEvents events_;
    bool killed_ = false;
    pid_t pid_ = -1;
    int output_ = -1;
};

class ExecProbing : public Probing {
protected:
    ExecProbing() {
        launcher = [this](const ExecRequest& request, ExecEvents events) -> std::function<void()> {
            events.gone = [this, gone = std::move(events.gone)] {
                ++ended;
                gone();
            };
            auto command = std::make_shared<Command>(loop, std::move(events));
            boost::asio::post(loop, [command, request] { command->launch(request); });
            return [this, command] {
                ++killed;
                command->kill();
            };
        };
    }

    static config::ExecProbe shell(const std::string& script) { return {.command = {"sh", "-c", script}}; }

    int ended = 0;
    int killed = 0;
};

TEST_F(ExecProbing, PassesOnExitZeroOnly) {
    EXPECT_TRUE(is(ask(shell("exit 0")), ProbeOutcome::passed));
    const auto failed = ask(shell("echo no quorum; exit 3"));
    EXPECT_TRUE(is(failed, ProbeOutcome::failed));
    EXPECT_EQ(failed.detail, "exit 3: \"no quorum\" (exec sh)");
    const auto crashed = ask(shell("kill -SEGV $$"));
    EXPECT_TRUE(is(crashed, ProbeOutcome::failed));
    EXPECT_EQ(crashed.detail, "killed by SIGSEGV (exec sh)");
    ASSERT_EQ(commands.size(), 3u);
    EXPECT_EQ(commands[0].service, ServiceId{1});
    EXPECT_EQ(commands[0].generation, Generation{7});
    EXPECT_LE(commands[0].timeout, 2s);
}

TEST_F(ExecProbing, ATimeOutFailsAndKills) {
    const auto probed = ask(shell("exec sleep 60"), 200ms);
    EXPECT_TRUE(is(probed, ProbeOutcome::failed));
    EXPECT_EQ(probed.detail, "timed out after 200ms (exec sh)");
    EXPECT_EQ(killed, 1);
    while (ended == 0) loop.run_one();
    EXPECT_EQ(answers.size(), 1u);
}

TEST_F(ExecProbing, IsNeverRunBesideItself) {
    std::function<void()> gone;
    launcher = [&](const ExecRequest&, ExecEvents events) {
        gone = std::move(events.gone);
        boost::asio::post(loop, events.launched);
        return [] {};
    };  // cannot be killed
    EXPECT_TRUE(is(ask(shell("true"), 400ms), ProbeOutcome::failed));
    const auto second = ask(shell("true"), 400ms);
    EXPECT_TRUE(is(second, ProbeOutcome::unknown));
    EXPECT_THAT(second.detail, HasSubstr("its last run has not ended yet"));
    EXPECT_EQ(commands.size(), 1u);
    gone();
    EXPECT_TRUE(is(ask(shell("true"), 400ms), ProbeOutcome::failed));
    EXPECT_EQ(commands.size(), 2u);
}

TEST_F(ExecProbing, OneThatIsNotLaunchedInItsTimeIsUnknown) {
    launcher = [](const ExecRequest&, const ExecEvents&) { return [] {}; };
    const auto probed = ask(shell("true"), 50ms);
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_EQ(probed.detail, "its command was not launched within 50ms (exec sh)");
}

TEST_F(ExecProbing, OneThatIsLaunchedTooLateDoesNotFail) {
    launcher = [this](const ExecRequest& request, const ExecEvents& events) -> std::function<void()> {
        auto timer = std::make_shared<boost::asio::steady_timer>(loop, request.timeout * 3 / 4);
        timer->async_wait(
            [launched = events.launched, timer](const boost::system::error_code&) { launched(); });
        return [] {};
    };
    const auto probed = ask(shell("true"), 400ms);
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, HasSubstr("timed out after 400ms"));
}

TEST_F(ExecProbing, WaitsInNoQueueButTheLaunchers) {
    launcher = [](const ExecRequest&, const ExecEvents&) { return [] {}; };
    for (std::uint32_t i = 0; i < 100; ++i) begin(shell("true"), 200ms, i);
    wait_for(100);
    EXPECT_EQ(commands.size(), 100u);
    for (const auto& answer : answers) EXPECT_TRUE(is(answer.probed, ProbeOutcome::unknown));
}

TEST_F(ExecProbing, ACommandThatCannotBeStartedIsUnknown) {
    launcher = [this](const ExecRequest&, const ExecEvents& events) -> std::function<void()> {
        boost::asio::post(loop, [events] {
            events.ended(
                {.kind = ExecResult::Kind::not_started, .code = 0, .output = {}, .error = "no such file"});
            events.gone();
        });
        return [] {};
    };
    const auto probed = ask(shell("true"));
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_EQ(probed.detail, "cannot run it: no such file (exec sh)");
}

TEST_F(ExecProbing, ForgettingTheServiceKillsTheCommand) {
    begin(shell("exec sleep 60"), 60s, 9);
    loop.run_for(100ms);
    runner->forget(ServiceId{9});
    EXPECT_EQ(killed, 1);
    while (ended == 0) loop.run_one();
    EXPECT_TRUE(answers.empty());
}

}  // namespace
}  // namespace dpsup::io
