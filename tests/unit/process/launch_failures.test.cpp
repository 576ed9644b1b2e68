// Every way in which a launch can fail says at which stage, on what, and why; and nothing is left behind.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using testing::Test;

class LaunchFailure : public HostTest {
protected:
    void expect(const config::Service& service, const std::string& stage, int error,
                const std::string& detail) {
        const std::size_t descriptors = open_descriptors();
        const auto failed = launch_badly(service);
        EXPECT_EQ(failed.stage, stage);
        EXPECT_EQ(failed.error_number, error);
        EXPECT_NE(failed.detail.find(detail), std::string::npos) << failed.detail;
        // The thread that launches gives its descriptors back a moment after it has answered.
        for (int tries = 0; tries < 500 && open_descriptors() > descriptors; ++tries) ::usleep(10000);
        EXPECT_LE(open_descriptors(), descriptors);
        // The service can be launched once its fault is repaired.
        launch_well(program("s", {"/bin/true"}), 2);
        EXPECT_TRUE(wait_for<core::Emptied>());
    }
    static bool root() { return ::geteuid() == 0; }
};

TEST_F(LaunchFailure, MissingFile) {
    expect(program("s", {"/no/such/program"}), "exec", ENOENT, "/no/such/program");
}

TEST_F(LaunchFailure, MissingInPath) {
    expect(program("s", {"no-such-program"}), "exec", ENOENT,
           "\"no-such-program\" is in no directory of PATH");
}

TEST_F(LaunchFailure, MissingInterpreterOfAScript) {
    write_file(path("script"), "#! /no/such/python3 -u\nprint()\n", 0755);
    expect(program("s", {path("script")}), "exec", ENOENT, "its interpreter /no/such/python3 is missing");
}

TEST_F(LaunchFailure, WindowsLineEnds) {
    write_file(path("script"), "#!/bin/sh\r\nexit 0\r\n", 0755);
    expect(program("s", {path("script")}), "exec", ENOENT, "/script");
}

TEST_F(LaunchFailure, MissingInterpreterOfAProgram) {
    std::string program_text = read_file("/bin/true");
    const std::string loader = "/lib64/ld-linux-x86-64.so.2";
    const auto place = program_text.find(loader);
    if (place == std::string::npos) GTEST_SKIP() << "/bin/true has another loader here";
    program_text.replace(place, loader.size(), "/lib64/ld-missing-here.so.2");
    write_file(path("program"), program_text, 0755);
    expect(program("s", {path("program")}), "exec", ENOENT,
           "its interpreter /lib64/ld-missing-here.so.2 is missing");
}

TEST_F(LaunchFailure, NotExecutable) {
    write_file(path("plain"), "#!/bin/sh\n", 0644);
    expect(program("s", {path("plain")}), "exec", EACCES, "is not executable");
}

TEST_F(LaunchFailure, ADirectory) {
    expect(program("s", {directory_}), "exec", EACCES, "is a directory");
}

TEST_F(LaunchFailure, NeitherProgramNorScript) {
    write_file(path("text"), "hello\n", 0755);
    expect(program("s", {path("text")}), "exec", ENOEXEC, "neither a program nor a script");
}

TEST_F(LaunchFailure, ADirectoryThatItsUserMayNotEnter) {
    if (!root()) GTEST_SKIP() << "needs root";
    std::filesystem::create_directory(path("closed"));
    write_file(path("closed/script"), "#!/bin/sh\n", 0755);
    ::chmod(path("closed").c_str(), 0700);
    auto service = program("s", {path("closed/script")});
    service.process.user = "nobody";
    expect(service, "exec", EACCES, "the service's user may not execute it");
}

TEST_F(LaunchFailure, MissingWorkingDirectory) {
    auto service = program("s", {"/bin/true"});
    service.process.working_dir = "/no/such/directory";
    expect(service, "working directory", ENOENT, "/no/such/directory");
}

TEST_F(LaunchFailure, UnknownUser) {
    auto service = program("s", {"/bin/true"});
    service.process.user = "no-such-user";
    expect(service, "user", 0, "there is no user \"no-such-user\"");
}

TEST_F(LaunchFailure, UnknownGroups) {
    auto service = program("s", {"/bin/true"});
    service.process.group = "no-such-group";
    expect(service, "group", 0, "there is no group \"no-such-group\"");
    service.process.group.clear();
    service.process.groups = {"no-such-group"};
    host_->forget(ServiceId{1});
    expect(service, "group", 0, "there is no group \"no-such-group\"");
}

TEST_F(LaunchFailure, ANumberWithoutAnEntryNeedsItsGroup) {
    auto service = program("s", {"/bin/true"});
    service.process.user = "54321";
    expect(service, "user", 0, "name its group too");
}

TEST_F(LaunchFailure, MissingEnvironmentFile) {
    auto service = program("s", {"/bin/true"});
    service.process.env_file = {path("missing.env")};
    expect(service, "env_file", ENOENT, path("missing.env"));
}

TEST_F(LaunchFailure, MalformedEnvironmentFile) {
    write_file(path("bad.env"), "A=1\nB=\"open\n");
    auto service = program("s", {"/bin/true"});
    service.process.env_file = {path("bad.env")};
    expect(service, "env_file", EINVAL, "the quote is not closed");
}

TEST_F(LaunchFailure, MissingSecret) {
    auto service = program("s", {"/bin/true"});
    service.process.environment = {{"PASSWORD", config::SecretFile{path("missing")}}};
    expect(service, "secret", ENOENT, "PASSWORD from " + path("missing"));
}

TEST_F(LaunchFailure, ASecretThatWouldNeverEnd) {
    auto service = program("s", {"/bin/true"});
    service.process.environment = {{"PASSWORD", config::SecretFile{"/dev/zero"}}};
    expect(service, "secret", EINVAL, "is not a regular file");
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    service.process.environment = {{"PASSWORD", config::SecretFile{path("fifo")}}};
    host_->forget(ServiceId{1});
    expect(service, "secret", EINVAL, "is not a regular file");
}

TEST_F(LaunchFailure, MissingLogDirectory) {
    auto service = program("s", {"/bin/true"});
    std::filesystem::remove(options_.log_dir);
    write_file(options_.log_dir, "in the way");
    const auto failed = launch_badly(service);
    EXPECT_EQ(failed.stage, "output");
    EXPECT_EQ(failed.error_number, ENOTDIR);
    service.name = "other";
    service.process.log.target = config::LogConfig::Target::none;
    EXPECT_GT(launch_well(service, 1, 2), 0) << "another service suffers too";
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_F(LaunchFailure, ALogThatIsNoFile) {
    ASSERT_EQ(::mkfifo((options_.log_dir + "/s.log").c_str(), 0600), 0);
    auto service = program("s", {"/bin/true"});
    const auto failed = launch_badly(service);
    EXPECT_EQ(failed.stage, "output");
}

TEST_F(LaunchFailure, NoJournal) {
    auto service = program("s", {"/bin/true"});
    service.process.log.target = config::LogConfig::Target::journal;
    const auto failed = launch_badly(service);
    EXPECT_EQ(failed.stage, "output");
    EXPECT_EQ(failed.error_number, ENOENT);
}

TEST_F(LaunchFailure, LimitThatCannotBeEnforced) {
    auto service = program("s", {"/bin/true"});
    service.process.limits.memory = 64 * 1024 * 1024;
    if (read_file(std::filesystem::path(options_.cgroup_root).parent_path() / "cgroup.controllers")
            .find("memory") != std::string::npos)
        GTEST_SKIP() << "the memory controller is there";
    expect(service, "limits", 0, "limits.memory: the memory controller is not available");
    service.process.limits.best_effort = true;
    EXPECT_GT(launch_well(service, 3), 0);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_NE(warnings_[0].find("runs without this limit"), std::string::npos);
    EXPECT_TRUE(wait_for<core::Emptied>());
}

TEST_F(LaunchFailure, LimitThatComesWhileItRunsAndCannotBeEnforced) {
    auto service = program("s", {"/bin/sleep", "60"});
    if (read_file(std::filesystem::path(options_.cgroup_root).parent_path() / "cgroup.controllers")
            .find("memory") != std::string::npos)
        GTEST_SKIP() << "the memory controller is there";
    EXPECT_GT(launch_well(service), 0);
    service.process.limits.memory = 64 * 1024 * 1024;
    host_->limit(ServiceId{1}, service.process.limits);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_NE(warnings_[0].find("s: limits.memory: the memory controller is not available"),
              std::string::npos);
    EXPECT_NE(warnings_[0].find("its next start will be refused"), std::string::npos);
    host_->kill_tree(ServiceId{1}, Generation{1});
    EXPECT_TRUE(wait_for<core::Emptied>());
    expect(service, "limits", 0, "limits.memory: the memory controller is not available");
    service.process.limits = {};
    EXPECT_GT(launch_well(service, 4), 0);
}

TEST_F(LaunchFailure, UnknownRlimitAndCapability) {
    auto service = program("s", {"/bin/true"});
    service.process.rlimits["nonsense"] = {1, 1};
    expect(service, "rlimit", EINVAL, "nonsense");
    service.process.rlimits.clear();
    service.process.capabilities = {"CAP_NONSENSE"};
    host_->forget(ServiceId{1});
    expect(service, "capabilities", EINVAL, "CAP_NONSENSE");
}

TEST_F(LaunchFailure, RlimitAboveWhatIsAllowed) {
    auto service = program("s", {"/bin/true"});
    service.process.rlimits["nofile"] = {1ULL << 40U, 1ULL << 40U};
    expect(service, "rlimit", EPERM, "nofile");
}

TEST_F(LaunchFailure, PathOfTheNotifySocketTooLong) {
    auto service = program(std::string(120, 'n'), {"/bin/true"});
    service.policy.notify = true;
    const auto failed = launch_badly(service);
    EXPECT_EQ(failed.stage, "notify");
    EXPECT_EQ(failed.error_number, ENAMETOOLONG);
}

TEST_F(LaunchFailure, EmptyCommand) {
    expect(program("s", {}), "exec", EINVAL, "the command is empty");
}

TEST_F(LaunchFailure, ArgumentsTooLong) {
    expect(program("s", {"/bin/true", std::string(1U << 20U, 'x')}), "exec", E2BIG, "/bin/true");
}

}  // namespace
}  // namespace dpsup::io
