// A real PostgreSQL: initdb'ed by a job, probed with libpq, and its databases created by another job once it
// is ready.
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

// The newest installed server's programs; empty where there is none.
std::string programs() {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
        if (std::filesystem::exists(version.path() / "bin/initdb")) found.push_back(version.path() / "bin");
    return found.empty() ? "" : *std::max_element(found.begin(), found.end());
}

constexpr const char* stack = R"(
[service.initdb]
job = true
command = "@BIN@/initdb -D @DIR@/pg/data -U postgres -A trust -E UTF8 --no-sync"
user = "postgres"

[service.postgres]
command = "@BIN@/postgres -D @DIR@/pg/data -c listen_addresses= -c unix_socket_directories=@DIR@/pg -c fsync=off"
user = "postgres"
stop_signal = "SIGINT"
stop_timeout = "3s"
depends_on = { initdb = "done" }
log = { target = "file" }
restart = { delay = "50ms" }
reload = { signal = "HUP" }
healthcheck = { postgres = "host=@DIR@/pg user=postgres dbname=postgres", query = "SELECT 1", interval = "200ms", retries = 2 }

[service.databases]
job = true
command = ["@BIN@/psql", "-h", "@DIR@/pg", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", "CREATE DATABASE airbyte", "-c", "CREATE DATABASE superset"]
user = "postgres"
working_dir = "@DIR@/pg"
depends_on = { postgres = "ready" }

[service.app]
command = "@ACTOR@"
depends_on = { databases = "done", postgres = "ready" }
)";

class Postgres : public ::testing::Test {
protected:
    void SetUp() override {
        if (programs().empty() || ::getpwnam("postgres") == nullptr)
            GTEST_SKIP() << "PostgreSQL is not installed (packages postgresql and postgresql-client)";
    }
    static std::unique_ptr<Daemon> start() {
        auto daemon =
            std::make_unique<Daemon>(replaced(stack, "@BIN@", programs()), Options{}, Daemon::Prepared{});
        const passwd* user = ::getpwnam("postgres");
        ::mkdir(daemon->path("pg").c_str(), 0755);
        (void)!::chown(daemon->path("pg").c_str(), user->pw_uid, user->pw_gid);
        daemon->launch();
        EXPECT_TRUE(daemon->answers());
        EXPECT_TRUE(daemon->all_reach({"ready", "done"}, std::chrono::minutes(2)));
        return daemon;
    }
    static std::string query(const Daemon& daemon, const std::string& sql) {
        const Finished result =
            run({.command = {programs() + "/psql", "-h", daemon.path("pg"), "-U", "postgres", "-tAc", sql}});
        return result.code() == 0 ? result.out : result.err;
    }
};

TEST_F(Postgres, ComesUpInOrderWithItsDatabases) {
    const auto daemon = start();
    EXPECT_EQ(
        query(*daemon, "SELECT datname FROM pg_database WHERE datname IN ('airbyte','superset') ORDER BY 1"),
        "airbyte\nsuperset\n");
    EXPECT_EQ(daemon->status("postgres")["health"].text(), "passing");

    // Started again where it was: jobs do not run twice, and a clean stop needs no recovery.
    daemon->relaunch();
    ASSERT_TRUE(daemon->all_reach({"ready", "done"}));
    EXPECT_EQ(daemon->status("databases")["restarts"].number(), 0);
    EXPECT_EQ(daemon->status("databases")["reason"].text(), "completed before dpsupd was started");
    const std::string log = daemon->text("log/postgres.log");
    EXPECT_THAT(log, HasSubstr("database system is shut down"));
    EXPECT_THAT(log, ::testing::Not(HasSubstr("was not properly shut down")));
}

TEST_F(Postgres, IsKilledAsAWholeAndComesBack) {
    const auto daemon = start();
    const auto postmaster = static_cast<pid_t>(daemon->status("postgres")["pid"].number());
    // Its backends call setsid(): a new postmaster refuses to start while one of them lives.
    ::kill(postmaster, SIGKILL);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon->status("postgres");
        return now["state"].text() == "ready" && now["pid"].number() != postmaster;
    }));
    EXPECT_EQ(query(*daemon, "SELECT 1"), "1\n");
    EXPECT_THAT(daemon->text("log/postgres.log"), ::testing::Not(HasSubstr("pre-existing shared memory")));
}

TEST_F(Postgres, IsSeenHangingByItsProbe) {
    const auto daemon = start();
    const auto postmaster = static_cast<pid_t>(daemon->status("postgres")["pid"].number());
    ASSERT_EQ(daemon->ctl({"kill", "--signal", "STOP", "postgres"}).code(), 0);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon->status("postgres");
        return now["state"].text() == "ready" && now["pid"].number() != postmaster;
    }));
    EXPECT_THAT(daemon->story("postgres"), HasSubstr("probe failed"));
}

TEST_F(Postgres, ReloadsItsConfiguration) {
    const auto daemon = start();
    append_file(daemon->path("pg/data/postgresql.conf"), "\nwork_mem = '7MB'\n");
    ASSERT_EQ(daemon->ctl({"reload", "postgres"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return query(*daemon, "SHOW work_mem") == "7MB\n"; }));
}

}  // namespace
}  // namespace dpsup::test
