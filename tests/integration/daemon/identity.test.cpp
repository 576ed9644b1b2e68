// As whom, where and with what a service runs, as the service itself sees it. And secrets: seen by nobody
// else.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

class Described {
public:
    explicit Described(const std::string& text) : lines_(lines_of(text)) {}
    [[nodiscard]] std::string operator[](const std::string& key) const {
        for (const std::string& line : lines_)
            if (line.starts_with(key + " "))
                return line.substr(key.size() + 1);
            else if (line == key)
                return "";
        return "(not there)";
    }
    [[nodiscard]] std::string env(const std::string& name) const {
        for (const std::string& line : lines_)
            if (line.starts_with("env " + name + "=")) return line.substr(5 + name.size());
        return "(not set)";
    }

private:
    std::vector<std::string> lines_;
};

// Runs a service with these keys and returns how it describes itself. The directory is everybody's, for
// unprivileged ones.
Described describe(const std::string& keys, const std::function<void(const Daemon&)>& prepare = {}) {
    Daemon daemon("[service.x]\ncommand = \"@ACTOR@ describe @DIR@/open/x\"\n" + keys + "\n", {},
                  Daemon::Prepared{});
    ::mkdir(daemon.path("open").c_str(), 0777);
    ::chmod(daemon.path("open").c_str(), 0777);
    if (prepare) prepare(daemon);
    daemon.launch();
    EXPECT_TRUE(daemon.answers());
    EXPECT_TRUE(eventually([&] { return !daemon.text("open/x").empty(); })) << daemon.story("x");
    return Described(daemon.text("open/x"));
}

TEST(Identity, IsCleanByDefault) {
    // What the daemon happens to have must not leak into services.
    const int leaked = ::open("/dev/null", O_RDONLY);
    // dpsupd raises its own limit; a service is to get that with which dpsupd was started.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{before.rlim_max / 2, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    const Described x = describe("");
    ::setrlimit(RLIMIT_NOFILE, &before);
    ::close(leaked);
    EXPECT_EQ(x["nofile"], std::to_string(low.rlim_cur) + " " + std::to_string(low.rlim_max));
    EXPECT_EQ(x["uid"], "0");
    EXPECT_EQ(x["umask"], "0022");
    EXPECT_EQ(x["cwd"], "/");
    EXPECT_EQ(x["session_leader"], "1");
    EXPECT_EQ(x["descriptors"], "");
    EXPECT_EQ(x["oom_score_adj"], "0");
    EXPECT_EQ(x["nice"], std::to_string(::getpriority(PRIO_PROCESS, 0))) << "not what dpsupd itself has";
    EXPECT_EQ(x["SigIgn"], "0000000000000000");
    EXPECT_EQ(x["NoNewPrivs"], "0");
}

TEST(Identity, HasACleanSignalMask) {
    Daemon daemon(
        "[service.x]\njob = true\ncommand = \"grep -E 'SigBlk|SigIgn' /proc/self/status\"\nlog = { target = "
        "\"file\" }\n");
    ASSERT_TRUE(daemon.reaches("x", "done"));
    EXPECT_EQ(daemon.text("log/x.log"), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Identity, IsTheUsersWithItsGroups) {
    const passwd* user = ::getpwnam("www-data");
    ASSERT_NE(user, nullptr);
    const group* extra = ::getgrnam("adm");
    ASSERT_NE(extra, nullptr);
    const std::string uid = std::to_string(user->pw_uid);
    const std::string gid = std::to_string(user->pw_gid);
    const Described x = describe("user = \"www-data\"\ngroups = [\"adm\", \"54321\"]");
    EXPECT_EQ(x["uid"], uid);
    EXPECT_EQ(x["gid"], gid);
    EXPECT_THAT(" " + x["groups"] + " ", HasSubstr(" " + std::to_string(extra->gr_gid) + " "));
    EXPECT_THAT(" " + x["groups"] + " ", HasSubstr(" 54321 "));
    EXPECT_THAT(" " + x["groups"] + " ", ::testing::Not(HasSubstr(" 0 "))) << "root's groups are still there";
    EXPECT_EQ(x["CapEff"], "0000000000000000");
    EXPECT_EQ(x.env("USER"), "www-data");
    EXPECT_EQ(x.env("HOME"), "/var/www");
}

TEST(Identity, TakesNumbers) {
    const Described x = describe("user = \"54321\"\ngroup = \"54322\"");
    EXPECT_EQ(x["uid"], "54321");
    EXPECT_EQ(x["gid"], "54322");
}

TEST(Identity, HasTheLimitsThatWereSaid) {
    const Described x = describe(
        "umask = \"0027\"\nnice = 7\noom_score_adj = 123\nworking_dir = \"/usr\"\nno_new_privs = true\n"
        "rlimits = { nofile = 777, core = { soft = 0, hard = \"unlimited\" } }\n"
        "capabilities = [\"CAP_NET_BIND_SERVICE\"]");
    EXPECT_EQ(x["umask"], "0027");
    EXPECT_EQ(x["nice"], "7");
    EXPECT_EQ(x["oom_score_adj"], "123");
    EXPECT_EQ(x["cwd"], "/usr");
    EXPECT_EQ(x["NoNewPrivs"], "1");
    EXPECT_EQ(x["nofile"], "777 777");
    EXPECT_EQ(x["core"], "0 unlimited");
    EXPECT_EQ(x["CapEff"], "0000000000000400");
    EXPECT_EQ(x["CapBnd"], "0000000000000400");
}

TEST(Identity, KeepsCapabilitiesForAnotherUser) {
    const Described x = describe("user = \"www-data\"\ncapabilities = [\"CAP_NET_BIND_SERVICE\"]");
    EXPECT_EQ(x["CapEff"], "0000000000000400");
}

TEST(Environment, ComesFromFilesAndKeysInOrder) {
    const Described x = describe(
        "env_file = [\"@DIR@/one.env\", \"@DIR@/two.env\"]\nenvironment = { C = \"key\", PORT = 8001, ON = "
        "true }",
        [](const Daemon& daemon) {
            write_file(daemon.path("one.env"), "# comment\nA=one\nB=one\nC=one\n");
            write_file(daemon.path("two.env"), "B=two\nQUOTED=\"a b\"\n");
        });
    EXPECT_EQ(x.env("A"), "one");
    EXPECT_EQ(x.env("B"), "two");
    EXPECT_EQ(x.env("C"), "key");
    EXPECT_EQ(x.env("PORT"), "8001");
    EXPECT_EQ(x.env("ON"), "true");
    EXPECT_EQ(x.env("QUOTED"), "a b");
    EXPECT_NE(x.env("PATH"), "(not set)");
}

TEST(Environment, OfAFileIsReadAtEachLaunch) {
    Daemon daemon(
        "[service.x]\ncommand = \"@ACTOR@ describe @DIR@/x notify READY=1\"\nnotify = true\nenv_file = "
        "\"@DIR@/x.env\"\n",
        {}, Daemon::Prepared{});
    write_file(daemon.path("x.env"), "A=1\n");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    EXPECT_EQ(Described(daemon.text("x")).env("A"), "1");
    write_file(daemon.path("x.env"), "A=2\n");
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
    EXPECT_EQ(Described(daemon.text("x")).env("A"), "2");
}

TEST(Secret, ReachesTheServiceAndNobodyElse) {
    constexpr const char* secret = "correct-horse-battery-staple";
    Daemon daemon(R"([service.x]
command = "@ACTOR@ describe @DIR@/described notify READY=1"
notify = true
environment = { PASSWORD = { file = "@DIR@/secrets/password" } }
healthcheck = { exec = ["test", "-n", "x"], interval = "50ms" }
[service.bad]
command = ["/nonexistent/program"]
environment = { PASSWORD = { file = "@DIR@/secrets/password" } }
)",
                  {.daemon_keys = "log_level = \"trace\""}, Daemon::Prepared{});
    ASSERT_EQ(::mkdir(daemon.path("secrets").c_str(), 0700), 0);
    write_file(daemon.path("secrets/password"), std::string(secret) + "\n", 0600);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("x", "ready"));
    ASSERT_TRUE(daemon.reaches("bad", "backoff"));
    EXPECT_EQ(Described(daemon.text("described")).env("PASSWORD"), secret);

    write_file(daemon.path("secrets/password"), std::string(secret) + "-2\n", 0600);
    const Json plan = daemon.ctl_json({"plan"});
    EXPECT_EQ(plan["operations"].where("service", "x")["action"].text(), "restart")
        << "a changed secret is a change";
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(eventually(
        [&] { return Described(daemon.text("described")).env("PASSWORD") == std::string(secret) + "-2"; }));

    for (const char* target :
         {"/v1/status", "/v1/services/x", "/v1/services/bad", "/v1/plan", "/v1/decisions", "/v1/version"})
        EXPECT_EQ(daemon.http("GET", target).body.find("correct-horse"), std::string::npos) << target;
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                    {"explain", "x"},
                                                    {"explain", "bad"},
                                                    {"plan"},
                                                    {"events"},
                                                    {"logs", "x"}})
        EXPECT_EQ(daemon.ctl(command).all().find("correct-horse"), std::string::npos) << command.front();
    const auto pid = std::to_string(daemon.status("x")["pid"].number());
    EXPECT_EQ(read_file("/proc/" + pid + "/cmdline").find("correct-horse"), std::string::npos);
    // Its own files, its log, its state: only the secret itself and the service's own note hold it.
    EXPECT_THAT(
        files_with(daemon.path(""), "correct-horse"),
        ::testing::UnorderedElementsAre(daemon.path("") + "described", daemon.path("") + "secrets/password"));
}

TEST(Limits, AreKeptOrRefusedButNeverIgnored) {
    Daemon daemon(R"([service.x]
command = "@ACTOR@ notify READY=1"
notify = true
limits = { pids = 20, memory = "64MiB" }
[service.y]
command = "@ACTOR@"
limits = { pids = 20, memory = "64MiB", best_effort = true }
)");
    ASSERT_TRUE(daemon.reaches("y", "ready"));
    ASSERT_TRUE(daemon.until("x ready or in backoff", [](const Daemon::States& states) {
        return states.at("x").state == "ready" || states.at("x").state == "backoff";
    }));
    if (daemon.status("x")["state"].text() != "ready") {
        EXPECT_THAT(daemon.story("x"), ::testing::AnyOf(HasSubstr("cgroup"), HasSubstr("limits")));
        GTEST_SKIP() << "this host has no cgroup controllers to enforce limits with (that the service is "
                        "refused was seen)";
    }
    const auto pid = std::to_string(daemon.status("x")["pid"].number());
    std::string cgroup;
    for (const std::string& line : lines_of(read_file("/proc/" + pid + "/cgroup")))
        if (line.starts_with("0::")) cgroup = "/sys/fs/cgroup" + line.substr(3);
    EXPECT_EQ(read_file(cgroup + "/pids.max"), "20\n");
    EXPECT_EQ(read_file(cgroup + "/memory.max"), "67108864\n");
}

}  // namespace
}  // namespace dpsup::test
