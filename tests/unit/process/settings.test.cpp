// What the configuration says of a process is in effect in the process.
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "io/process/descriptor_limit.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

class Settings : public HostTest {
protected:
    // Launches a service that sleeps; its /proc is then looked at.
    pid_t sleeper(config::Service service = program("s", {"/bin/sleep", "100"})) {
        pid_ = launch_well(service, ++generation_);
        // We go on as soon as the program's memory is in place; a moment later the rest of exec is done too.
        EXPECT_TRUE(run_until([&] { return status("Name") == "sleep" && status("State").starts_with("S"); }))
            << read_file("/proc/" + std::to_string(pid_) + "/status") << log_of(service.name);
        return pid_;
    }
    std::string status(const std::string& key) const {
        std::istringstream text(read_file("/proc/" + std::to_string(pid_) + "/status"));
        for (std::string line; std::getline(text, line);) {
            if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
        }
        return {};
    }
    void end() {
        host_->kill_tree(ServiceId{1}, Generation{generation_});
        ASSERT_TRUE(wait_for<core::Emptied>());
    }
    // What a shell script writes before it ends.
    std::string said(config::Service service) {
        launch_well(service, ++generation_);
        EXPECT_TRUE(wait_for<core::Emptied>());
        return log_of(service.name);
    }
    static config::Service sleeping() { return program("s", {"/bin/sleep", "100"}); }
    static bool root() { return ::geteuid() == 0; }

    pid_t pid_ = 0;
    std::uint64_t generation_ = 0;
};

TEST_F(Settings, RunsInASessionOfItsOwn) {
    const pid_t pid = sleeper();
    EXPECT_EQ(::getsid(pid), pid);
    EXPECT_EQ(::getpgid(pid), pid);
}

TEST_F(Settings, InheritsNoDescriptor) {
    std::filesystem::path here("/proc/self/fd");
    const int leaked = ::dup(0);  // without close-on-exec, as a library might open it
    const pid_t pid = sleeper();
    std::vector<std::string> open;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        open.push_back(entry.path().filename());
    ::close(leaked);
    std::sort(open.begin(), open.end());
    EXPECT_EQ(open, (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/0"), "/dev/null");
}

TEST_F(Settings, StartsWithDefaultSignals) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGUSR1, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    sleeper();
    ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGUSR1, SIG_DFL);
    EXPECT_EQ(status("SigIgn"), "0000000000000000");
    EXPECT_EQ(status("SigBlk"), "0000000000000000");
}

TEST_F(Settings, LeavesTheDaemonAsItWas) {
    struct sigaction before{};
    ::sigaction(SIGCHLD, nullptr, &before);
    const mode_t mask = ::umask(0022);
    ::umask(mask);
    auto service = sleeping();
    service.process.working_dir = "/tmp";
    service.process.umask = 0077;
    if (root()) service.process.user = "nobody";
    sleeper(service);
    struct sigaction after{};
    ::sigaction(SIGCHLD, nullptr, &after);
    EXPECT_EQ(before.sa_handler, after.sa_handler);
    EXPECT_EQ(::umask(mask), mask);
    EXPECT_NE(std::filesystem::current_path(), "/tmp");
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "the daemon's crashes would leave no core";
    sigset_t blocked;
    ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
    EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

TEST_F(Settings, UserGroupAndSupplementaryGroups) {
    if (!root()) GTEST_SKIP() << "needs root";
    auto service = sleeping();
    service.process.user = "nobody";
    sleeper(service);
    const passwd* nobody = ::getpwnam("nobody");
    const auto uid = std::to_string(nobody->pw_uid);
    const auto gid = std::to_string(nobody->pw_gid);
    EXPECT_EQ(status("Uid"), uid + "\t" + uid + "\t" + uid + "\t" + uid);
    EXPECT_EQ(status("Gid"), gid + "\t" + gid + "\t" + gid + "\t" + gid);
    EXPECT_EQ(status("Groups"), gid + " ");
    EXPECT_EQ(status("CapEff"), "0000000000000000");
    end();
    service.process.group = "daemon";
    service.process.groups = {"adm", "12345"};
    sleeper(service);
    EXPECT_EQ(status("Uid").substr(0, uid.size()), uid);
    EXPECT_EQ(status("Gid").substr(0, 2), std::to_string(::getgrnam("daemon")->gr_gid) + "\t");
    EXPECT_EQ(status("Groups"), std::to_string(::getgrnam("daemon")->gr_gid) + " " +
                                    std::to_string(::getgrnam("adm")->gr_gid) + " 12345 ");
}

TEST_F(Settings, NumericUserWithoutAnEntry) {
    if (!root()) GTEST_SKIP() << "needs root";
    auto service = sleeping();
    service.process.user = "54321";
    service.process.group = "54322";
    sleeper(service);
    EXPECT_EQ(status("Uid"), "54321\t54321\t54321\t54321");
    EXPECT_EQ(status("Gid"), "54322\t54322\t54322\t54322");
}

TEST_F(Settings, UmaskAndWorkingDirectory) {
    auto service = sleeping();
    service.process.umask = 0027;
    service.process.working_dir = "/usr";
    sleeper(service);
    EXPECT_EQ(status("Umask"), "0027");
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/cwd"), "/usr");
    end();
    sleeper();
    EXPECT_EQ(status("Umask"), "0022");
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/cwd"), "/");
}

TEST_F(Settings, RlimitsAndNice) {
    auto service = sleeping();
    service.process.rlimits = {{"nofile", {123, 456}}, {"core", {0, 0}}};
    service.process.nice = 7;
    sleeper(service);
    rlimit limit{};
    ASSERT_EQ(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit), 0);
    EXPECT_EQ(limit.rlim_cur, 123U);
    EXPECT_EQ(limit.rlim_max, 456U);
    ASSERT_EQ(::prlimit(pid_, RLIMIT_CORE, nullptr, &limit), 0);
    EXPECT_EQ(limit.rlim_max, 0U);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(pid_)), 7);
}

TEST_F(Settings, KeepsTheDescriptorLimitWithWhichTheDaemonWasStarted) {
    // As the daemon does: what it was started with is kept, then its own is raised, then the host is opened.
    const rlimit64 before = descriptor_limit();
    const rlimit64 low{before.rlim_max / 2, before.rlim_max};
    ASSERT_EQ(::setrlimit64(RLIMIT_NOFILE, &low), 0);
    options_.nofile = descriptor_limit();
    ASSERT_TRUE(raise_descriptor_limit(options_.nofile));
    EXPECT_EQ(descriptor_limit().rlim_cur, before.rlim_max);
    open_host();
    sleeper();
    ASSERT_EQ(::setrlimit64(RLIMIT_NOFILE, &before), 0);
    rlimit limit{};
    ASSERT_EQ(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit), 0);
    EXPECT_EQ(limit.rlim_cur, low.rlim_cur);
}

TEST_F(Settings, OomScore) {
    auto service = sleeping();
    service.process.oom_score_adj = 321;
    sleeper(service);
    EXPECT_EQ(read_file("/proc/" + std::to_string(pid_) + "/oom_score_adj"), "321\n");
    end();
    EXPECT_EQ(read_file("/proc/self/oom_score_adj"), "0\n") << "the daemon's own was changed";
    sleeper();
    EXPECT_EQ(read_file("/proc/" + std::to_string(pid_) + "/oom_score_adj"), "0\n");
}

TEST_F(Settings, NoNewPrivileges) {
    auto service = sleeping();
    service.process.no_new_privs = true;
    sleeper(service);
    EXPECT_EQ(status("NoNewPrivs"), "1");
    end();
    sleeper();
    EXPECT_EQ(status("NoNewPrivs"), "0");
    EXPECT_EQ(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0) << "the daemon's own was changed";
}

TEST_F(Settings, ExactlyTheCapabilitiesThatAreNamed) {
    if (!root()) GTEST_SKIP() << "needs root";
    const std::string wanted = "0000000000000401";  // CAP_NET_BIND_SERVICE and CAP_CHOWN
    auto service = sleeping();
    service.process.capabilities = {"CAP_NET_BIND_SERVICE", "CAP_CHOWN"};
    for (const auto* user : {"", "nobody"}) {
        service.process.user = user;
        sleeper(service);
        for (const auto* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
            EXPECT_EQ(status(set), wanted) << set << " as user \"" << user << "\"";
        end();
    }
    service.process.capabilities.emplace();
    for (const auto* user : {"", "nobody"}) {
        service.process.user = user;
        sleeper(service);
        for (const auto* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
            EXPECT_EQ(status(set), "0000000000000000") << set << " as user \"" << user << "\"";
        end();
    }
}

TEST_F(Settings, CleanEnvironment) {
    ::setenv("DPSUP_TEST_OF_THE_DAEMON", "1", 1);
    auto service = shell("s", "env | sort");
    service.process.command = {"/usr/bin/env"};
    service.process.environment = {{"A", "first"}, {"A", "second"}, {"B", "two words"}};
    const std::string text = said(service);
    EXPECT_EQ(text.find("DPSUP_TEST_OF_THE_DAEMON"), std::string::npos);
    for (const auto* line : {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                             "LANG=C.UTF-8\n", "A=second\n", "B=two words\n", "DPSUP_SERVICE=s\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    EXPECT_EQ(text.find("NOTIFY_SOCKET"), std::string::npos);
}

TEST_F(Settings, HomeAndNamesAreThoseOfItsUser) {
    if (!root()) GTEST_SKIP() << "needs root";
    auto service = program("s", {"/usr/bin/env"});
    service.process.user = "daemon";
    const std::string text = said(service);
    for (const auto* line :
         {"HOME=/usr/sbin\n", "USER=daemon\n", "LOGNAME=daemon\n", "SHELL=/usr/sbin/nologin\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST_F(Settings, EnvironmentFilesAreReadAtEachLaunch) {
    write_file(path("a.env"), "X=1\nY=1\n");
    write_file(path("b.env"), "Y=2\nZ=${X}3\n");
    auto service = shell("s", "echo $X $Y $Z");
    service.process.env_file = {path("a.env"), path("b.env")};
    service.process.environment = {{"X", "9"}};
    EXPECT_EQ(said(service), "9 2 13\n");
    write_file(path("b.env"), "Y=5\n");
    EXPECT_EQ(said(service), "9 2 13\n9 5\n");
}

TEST_F(Settings, SecretsAreInTheEnvironmentAndNowhereElse) {
    write_file(path("secret"), "pass word$X\n", 0600);
    auto service = shell("s", "printf '%s|\\n' \"$PASSWORD\"; exec sleep 100");
    service.process.environment = {{"PASSWORD", config::SecretFile{path("secret")}}};
    const pid_t pid = sleeper(service);
    ASSERT_TRUE(run_until([&] { return log_of("s") == "pass word$X|\n"; })) << log_of("s");
    EXPECT_EQ(read_file("/proc/" + std::to_string(pid) + "/cmdline").find("pass word"), std::string::npos);
    for (const auto& warning : warnings_) EXPECT_EQ(warning.find("pass word"), std::string::npos);
}

TEST_F(Settings, RelativeProgramsAreThoseOfTheWorkingDirectory) {
    write_file(path("here"), "#!/bin/sh\necho \"$0 $*\"\n", 0755);
    auto service = program("s", {"./here", "a b", ""});
    service.process.working_dir = directory_;
    EXPECT_EQ(said(service), "./here a b \n");
}

TEST_F(Settings, ProgramsAreLookedUpInThePathOfTheService) {
    write_file(path("only-here"), "#!/bin/sh\necho found as $0\n", 0755);
    auto service = program("s", {"only-here"});
    service.process.environment = {{"PATH", directory_ + ":/usr/bin:/bin"}};
    EXPECT_EQ(said(service), "found as " + path("only-here") + "\n");
}

}  // namespace
}  // namespace dpsup::io
