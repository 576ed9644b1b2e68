// The real dpsupctl against the real API on a real socket; only the engine behind it is a fake.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <fstream>
#include <thread>

#include "support/raw_client.hpp"
#include "support/temporary_folder.hpp"

namespace dpsup {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
};

std::string contents(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// A program that runs beside the test; killed at the end.
class Child {
public:
    Child(std::vector<std::string> words, const std::string& out, const std::string& err,
          const std::vector<std::string>& variables = {}) {
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        auto own = variables;
        std::vector<char*> environment;
        for (auto& variable : own) environment.push_back(variable.data());
        environment.push_back(nullptr);
        std::array<int, 2> input{};
        if (::pipe2(input.data(), O_CLOEXEC) != 0) return;
        input_ = input[1];
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, input[0], 0);
        ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data()) !=
            0)
            pid_ = -1;
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        close_input();
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    void close_input() {
        if (input_ >= 0) ::close(std::exchange(input_, -1));
    }
    // Its exit code; -1 where it was killed by a signal, or had to be after ten seconds.
    int wait() {
        for (int i = 0; i < 1000; ++i) {
            int status = 0;
            if (::waitpid(pid_, &status, WNOHANG) == pid_) {
                pid_ = -1;
                return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            }
            std::this_thread::sleep_for(10ms);
        }
        return -1;
    }

private:
    pid_t pid_ = -1;
    int input_ = -1;
};

bool appears(const std::string& path, const std::string& text) {
    for (int i = 0; i < 500; ++i) {
        if (contents(path).find(text) != std::string::npos) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

class CommandLine : public testing::Test {
protected:
    CommandLine()
        : daemon({DPSUP_FAKE_DPSUPD, socket, "40", log}, folder.file("daemon.out"),
                 folder.file("daemon.err")) {
        EXPECT_TRUE(appears(folder.file("daemon.out"), "ready")) << contents(folder.file("daemon.err"));
    }

    std::vector<std::string> words(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), DPSUP_DPSUPCTL);
        return arguments;
    }

    Outcome run(const std::vector<std::string>& arguments, const std::string& out = {}) {
        const std::string out_path = out.empty() ? folder.file("out") : out;
        Outcome outcome;
        outcome.code =
            Child(words(arguments), out_path, folder.file("err"), {"DPSUP_SOCKET=" + socket, "TZ=UTC"})
                .wait();
        if (out.empty()) outcome.out = contents(out_path);
        outcome.err = contents(folder.file("err"));
        return outcome;
    }

    // Starts a command that goes on; its output is in the file "long".
    std::unique_ptr<Child> follow(const std::vector<std::string>& arguments) {
        return std::make_unique<Child>(words(arguments), folder.file("long"), folder.file("err"),
                                       std::vector<std::string>{"DPSUP_SOCKET=" + socket, "TZ=UTC"});
    }

    test::TemporaryFolder folder;
    std::string socket = folder.file("control.sock");
    std::string log = folder.file("web.log");
    Child daemon;
};

TEST_F(CommandLine, ShowsTheStatusOfAllAndOfSome) {
    const auto all = run({"status"});
    EXPECT_EQ(all.code, 0) << all.err;
    EXPECT_THAT(all.out,
                HasSubstr("41 services: 39 ready, 1 backoff, 1 waiting\nWhy? dpsupctl explain service-33\n"));
    const auto some = run({"status", "service-3", "service-1"});
    EXPECT_THAT(some.out, HasSubstr("2 services: 2 ready"));
    EXPECT_LT(some.out.find("service-3"), some.out.find("service-1"));
}

TEST_F(CommandLine, PrintsTheDaemonsOwnJson) {
    const auto status = run({"--json", "status", "service-17"});
    EXPECT_EQ(status.code, 0);
    EXPECT_THAT(status.out, StartsWith(R"({"host":"db1","services":[{"name":"service-17","kind":"process")"));
    const auto after = run({"status", "--json", "service-17"});
    EXPECT_EQ(after.out, status.out) << "global options may stand anywhere";
    const auto error = run({"--json", "stop", "nothing-like-it"});
    EXPECT_EQ(error.code, 1);
    EXPECT_EQ(boost::json::parse(error.out).at("error").at("code").as_string(), "unknown_service");
}

TEST_F(CommandLine, CommandsServices) {
    const auto stopped = run({"stop", "service-1", "service-2", "--wait", "--timeout", "5s"});
    EXPECT_EQ(stopped.code, 0) << stopped.err;
    EXPECT_EQ(stopped.out, "service-1  stopped  asked for by root\nservice-2  stopped  asked for by root\n");
    EXPECT_THAT(run({"status", "service-1"}).out, HasSubstr("stopped"));
    EXPECT_EQ(run({"start", "service-1", "--cascade"}).code, 0);
    EXPECT_EQ(run({"restart", "service-1", "--stop-timeout", "2s"}).code, 0);
    EXPECT_EQ(run({"kill", "service-1", "--signal", "TERM"}).code, 0);
    EXPECT_EQ(run({"reload", "service-1"}).code, 0);
    EXPECT_EQ(run({"restart", "--all"}).code, 0);
}

TEST_F(CommandLine, EndsWith2WhereItIsUsedWrongly) {
    EXPECT_THAT(run({"sttop", "x"}).err, HasSubstr("did you mean: dpsupctl stop?"));
    EXPECT_THAT(run({"stop", "--wiat", "x"}).err, HasSubstr("did you mean --wait?"));
    EXPECT_THAT(run({"start", "--all", "x"}).err,
                HasSubstr("either the names of services, or --all, not both"));
    EXPECT_THAT(run({"stop", ""}).err, HasSubstr("\"\" is no service's name"));
    EXPECT_THAT(run({"--socket", "", "status"}).err, HasSubstr("the path of the control socket is empty"));
    EXPECT_THAT(run({"events", "-n", "-1"}).err, HasSubstr("\"-1\" is no number of lines"));
    for (const auto& arguments :
         std::vector<std::vector<std::string>>{{},
                                               {"sttop"},
                                               {"stop"},
                                               {"stop", "--all", "x"},
                                               {"stop", "x", "--timeout", "5"},
                                               {"explain"},
                                               {"kill", "service-1", "--signal", "NOPE"},
                                               {"reload", "--all"},
                                               {"logs"},
                                               {"status", "--lines", "3"},
                                               {"events", "-n", "many"},
                                               {"events", "-n", "-1"},
                                               {"logs", "-n", "-1", "service-1"},
                                               {"stop", ""},
                                               {"explain", ""},
                                               {"--socket", "", "status"}})
        EXPECT_EQ(run(arguments).code, 2) << testing::PrintToString(arguments);
}

TEST_F(CommandLine, EndsWith1WhereTheDaemonRefuses) {
    const auto outcome = run({"stop", "servce-1"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.err, "dpsupctl: there is no service \"servce-1\"\n  did you mean \"service-1\"?\n");
    EXPECT_EQ(outcome.out, "");
}

TEST_F(CommandLine, EndsWith3WhereNoDaemonAnswers) {
    for (const auto* command : {"status", "version", "plan"}) {
        const auto outcome = run({"--socket", folder.file("nowhere"), command});
        EXPECT_EQ(outcome.code, 3);
        EXPECT_THAT(outcome.err,
                    HasSubstr("dpsupd is not running: nothing answers on " + folder.file("nowhere")));
        EXPECT_THAT(outcome.err, HasSubstr("systemctl start dpsupd"));
    }
    EXPECT_THAT(run({"--socket", folder.file("nowhere"), "version"}).out, StartsWith("dpsupctl "));
    std::filesystem::copy_file("/etc/passwd", folder.file("file"));
    EXPECT_EQ(run({"--socket", folder.file("file"), "status"}).code, 3);
}

TEST_F(CommandLine, EndsWith4WhereTheDaemonDoesNotAllowIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    std::filesystem::permissions(std::filesystem::path(socket).parent_path(), std::filesystem::perms(0755));
    const auto outcome = [&] {
        std::vector<std::string> arguments{
            "/usr/bin/setpriv", "--reuid=65534", "--clear-groups", DPSUP_DPSUPCTL,
            "--socket",         socket,          "status"};
        Outcome seen;
        seen.code = Child(arguments, folder.file("out"), folder.file("err")).wait();
        seen.err = contents(folder.file("err"));
        return seen;
    }();
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("may not use dpsup on this host"));
}

TEST_F(CommandLine, ReportsAFullDiskAndForgivesAReaderThatLeaves) {
    const auto full = run({"status"}, "/dev/full");
    EXPECT_EQ(full.code, 1);
    EXPECT_THAT(full.err, HasSubstr("No space left on device"));
    const std::string script =
        std::string(DPSUP_DPSUPCTL) + " --socket " + socket + " status | true; exit ${PIPESTATUS[0]}";
    EXPECT_EQ(Child({"/bin/bash", "-c", script}, folder.file("out"), folder.file("err")).wait(), 0);
    EXPECT_EQ(contents(folder.file("err")), "");
}

TEST_F(CommandLine, FailsWhereNothingOfItsOutputCanBeWritten) {
    for (const char* command : {"version >&-", "status >&-", "status <&- >&-"}) {
        const std::string script =
            "exec " + std::string(DPSUP_DPSUPCTL) + " --socket " + socket + " " + command;
        EXPECT_EQ(Child({"/bin/sh", "-c", script}, folder.file("out"), folder.file("err")).wait(), 1);
        EXPECT_THAT(contents(folder.file("err")), HasSubstr("cannot write the output"));
    }
}

TEST_F(CommandLine, TakesNoEmptySignalForTheDefault) {
    for (const char* wrong : {"", "SIGFOO", "33"}) {
        const auto killed = run({"kill", "service-3", "--signal", wrong});
        EXPECT_EQ(killed.code, 2) << wrong << killed.out;
        EXPECT_THAT(killed.err, HasSubstr("signal")) << wrong;
    }
    EXPECT_EQ(run({"kill", "service-3", "--signal="}).code, 2);
}

TEST_F(CommandLine, WaitsAndEndsWith3WhereTheDaemonEndsFirst) {
    auto waiting = follow({"start", "slow-one", "--wait"});
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(run({"status"}).code, 0) << "others are not kept waiting";
    EXPECT_EQ(contents(folder.file("long")), "");
    daemon.close_input();  // which ends it
    EXPECT_EQ(waiting->wait(), 3);
}

TEST_F(CommandLine, Explains) {
    std::ofstream(log) << "its\nlast\nwords\n";
    const auto outcome = run({"explain", "service-17"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, StartsWith("service-17 is waiting for "));
    EXPECT_THAT(outcome.out, HasSubstr("  | last\n  | words\n"));
}

TEST_F(CommandLine, ShowsLogs) {
    std::ofstream(log) << "one\ntwo\nthree\n";
    EXPECT_EQ(run({"logs", "-n", "2", "service-1"}).out, "two\nthree\n");
    EXPECT_EQ(run({"logs", "-n", "1", "service-1", "service-2"}).out,
              "service-1 | three\nservice-2 | three\n");
    EXPECT_EQ(run({"--json", "logs", "-n", "1", "service-1"}).out,
              "{\"service\":\"service-1\",\"line\":\"three\"}\n");
    EXPECT_EQ(run({"logs", "nothing-like-it"}).code, 1);
}

TEST_F(CommandLine, FollowsLogs) {
    std::ofstream(log) << "one\n";
    const auto following = follow({"logs", "-f", "service-1"});
    ASSERT_TRUE(appears(folder.file("long"), "one\n"));
    std::ofstream(log, std::ios::app) << "two\n";
    EXPECT_TRUE(appears(folder.file("long"), "one\ntwo\n"));
    std::filesystem::rename(log, log + ".1");
    std::ofstream(log) << "three\n";
    EXPECT_TRUE(appears(folder.file("long"), "one\ntwo\nthree\n"));
}

TEST_F(CommandLine, ShowsAndFollowsEvents) {
    run({"stop", "service-1"});
    EXPECT_THAT(run({"events"}).out,
                HasSubstr("service-1             ready -> stopped  asked for by root\n"));
    EXPECT_EQ(run({"events", "-n", "0"}).out, "");
    const auto following = follow({"events", "-f", "service-1", "service-2"});
    ASSERT_TRUE(appears(folder.file("long"), "service-1 "));
    run({"stop", "service-3"});
    run({"stop", "service-2"});
    EXPECT_TRUE(appears(folder.file("long"), "service-2 "));
    EXPECT_THAT(contents(folder.file("long")), Not(HasSubstr("service-3")));
}

TEST_F(CommandLine, WatchesTheStatus) {
    const auto watching = follow({"status", "--watch", "service-1"});
    ASSERT_TRUE(appears(folder.file("long"), "1 service: 1 ready"));
    run({"stop", "service-1"});
    EXPECT_TRUE(appears(folder.file("long"), "1 service: 1 stopped"));
}

TEST_F(CommandLine, ChecksAConfigurationWithoutADaemon) {
    std::ofstream(folder.file("good.toml")) << "[service.web]\ncommand = [\"/bin/sleep\", \"1\"]\n";
    const auto good = run({"--socket", "/nowhere", "check", folder.file("good.toml")});
    EXPECT_EQ(good.code, 0) << good.out;
    EXPECT_THAT(good.out, HasSubstr("good, 1 service\n"));
    std::ofstream(folder.file("bad.toml"))
        << "[service.web]\ncomand = [\"/bin/sleep\"]\n[service.db]\ncommand = 3\n";
    const auto bad = run({"check", folder.file("bad.toml")});
    EXPECT_EQ(bad.code, 1);
    EXPECT_THAT(bad.out, HasSubstr("bad.toml:2:1: error: "));
    EXPECT_THAT(bad.out, HasSubstr("bad.toml:4:"));
    EXPECT_THAT(bad.out, HasSubstr("did you mean command?"));
    EXPECT_EQ(run({"check", folder.file("missing.toml")}).code, 1);
}

TEST_F(CommandLine, PlansAppliesAndTellsVersions) {
    EXPECT_EQ(run({"plan"}).out, "Nothing to do: what runs is what is configured.\n");
    EXPECT_EQ(run({"apply", "--dry-run"}).code, 0);
    EXPECT_EQ(run({"apply"}).code, 0);
    EXPECT_THAT(run({"version"}).out, testing::ContainsRegex("dpsupctl .*\ndpsupd   .* .pid"));
}

TEST_F(CommandLine, WaitsForTheNewDaemon) {
    const auto done = run({"daemon", "reexec"});
    EXPECT_EQ(done.code, 0);
    EXPECT_THAT(done.out,
                testing::ContainsRegex("^dpsupd 1.0 -> .* .pid .*; nobody supervised for 12 ms\n$"));
    EXPECT_EQ(run({"daemon"}).code, 2);
    EXPECT_EQ(run({"daemon", "rexec"}).code, 2);
}

TEST_F(CommandLine, HelpsWithEachCommand) {
    const auto help = run({"--help"});
    EXPECT_EQ(help.code, 0);
    for (const std::string command : {"status", "start", "stop", "restart", "kill", "reload", "plan", "apply",
                                      "check", "explain", "logs", "events", "version"}) {
        EXPECT_THAT(help.out, HasSubstr("\n  " + command + " "));
        const auto one = run({command, "--help"});
        EXPECT_EQ(one.code, 0);
        EXPECT_THAT(one.out, HasSubstr("Usage: dpsupctl " + command));
        EXPECT_THAT(one.out, HasSubstr("Example"));
        EXPECT_THAT(one.out, HasSubstr("  dpsupctl "));
    }
}

}  // namespace
}  // namespace dpsup
