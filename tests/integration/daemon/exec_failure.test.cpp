// A service that cannot be launched says which stage failed, on what and why, and harms nobody else.
#include <gmock/gmock.h>

#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

struct Case {
    std::string name;
    std::string keys;  // of [service.bad]
    std::vector<std::string> told;
};

void PrintTo(const Case& shown, std::ostream* out) {
    *out << shown.name;
}

class ExecFailure : public ::testing::TestWithParam<Case> {};

void make_files(const Daemon& daemon) {
    write_file(daemon.path("no-permission"), "#!/bin/sh\nexit 0\n", 0644);
    write_file(daemon.path("no-interpreter"), "#!/nonexistent/interpreter\n", 0755);
    write_file(daemon.path("no-format"), std::string("\x01\x02\x03\x04", 4), 0755);
}

TEST_P(ExecFailure, NamesStageAndErrorAndHarmsNobody) {
    Daemon daemon("[service.bad]\n" + GetParam().keys + "\n[service.good]\ncommand = \"@ACTOR@\"\n", {},
                  Daemon::Prepared{});
    make_files(daemon);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("bad", "backoff"));
    ASSERT_TRUE(daemon.reaches("good", "ready"));

    const std::string story = daemon.story("bad");
    const Finished explained = daemon.ctl({"explain", "bad"});
    const Finished status = daemon.ctl({"status", "bad"});
    EXPECT_EQ(explained.code(), 0) << explained.all();
    EXPECT_EQ(status.code(), 0) << status.all();
    for (const std::string& word : GetParam().told) {
        EXPECT_THAT(story, HasSubstr(word));
        EXPECT_THAT(explained.out, HasSubstr(word));
    }
    EXPECT_EQ(daemon.status("good")["restarts"].number(), 0);
    EXPECT_EQ(daemon.status("good")["state"].text(), "ready");
}

INSTANTIATE_TEST_SUITE_P(
    Launching, ExecFailure,
    ::testing::Values(
        Case{"MissingFile",
             "command = [\"/nonexistent/program\"]",
             {"/nonexistent/program", "exec", "ENOENT"}},
        Case{"MissingInPath",
             "command = [\"no-such-program-anywhere\"]",
             {"no-such-program-anywhere", "ENOENT"}},
        Case{"NoPermission", "command = [\"@DIR@/no-permission\"]", {"no-permission", "exec", "EACCES"}},
        Case{"Directory", "command = [\"@DIR@\"]", {"exec", "EACCES"}},
        Case{"MissingInterpreter",
             "command = [\"@DIR@/no-interpreter\"]",
             {"no-interpreter", "exec", "ENOENT"}},
        Case{"NoProgramAtAll", "command = [\"@DIR@/no-format\"]", {"no-format", "exec", "ENOEXEC"}},
        Case{"MissingUser", "command = \"@ACTOR@\"\nuser = \"no-such-user\"", {"no-such-user", "user"}},
        Case{"MissingGroup", "command = \"@ACTOR@\"\ngroup = \"no-such-group\"", {"no-such-group", "group"}},
        Case{"MissingDirectory",
             "command = \"@ACTOR@\"\nworking_dir = \"/nonexistent/directory\"",
             {"/nonexistent/directory", "working directory", "ENOENT"}},
        Case{"DirectoryIsFile",
             "command = \"@ACTOR@\"\nworking_dir = \"@DIR@/no-format\"",
             {"no-format", "working directory", "ENOTDIR"}},
        Case{"MissingEnvFile", "command = \"@ACTOR@\"\nenv_file = \"@DIR@/no-env\"", {"no-env", "ENOENT"}},
        Case{"MissingSecret",
             "command = \"@ACTOR@\"\nenvironment = { PASSWORD = { file = \"@DIR@/no-secret\" } }",
             {"secret", "PASSWORD", "no-secret", "ENOENT"}}),
    [](const auto& one) { return one.param.name; });

TEST(Launch, SucceedsOnceTheCauseIsGone) {
    Daemon daemon(R"([service.late]
command = ["@DIR@/program"]
restart = { delay = "10ms", max_delay = "20ms" }
)");
    ASSERT_TRUE(daemon.reaches("late", "backoff"));
    std::filesystem::copy_file(DPSUP_ACTOR, daemon.path("program.new"));
    std::filesystem::rename(daemon.path("program.new"), daemon.path("program"));
    EXPECT_TRUE(daemon.reaches("late", "ready"));
}

TEST(Launch, FailsForGoodWhereThePolicySaysSo) {
    Daemon daemon(R"([service.once]
command = ["/nonexistent/program"]
restart = "no"
)");
    ASSERT_TRUE(daemon.reaches("once", "failed"));
    EXPECT_THAT(daemon.status("once")["reason"].text(), HasSubstr("/nonexistent/program"));
}

}  // namespace
}  // namespace dpsup::test
