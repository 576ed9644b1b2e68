// Postgres probes against a real PostgreSQL, on Unix sockets (one test: TCP too) in a directory of the test's
// own.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/probe/probing.hpp"

namespace dpsup::io {
namespace {

namespace fs = std::filesystem;

// The newest PostgreSQL that Debian's or Red Hat's packages have installed; empty where there is none.
std::string server_programs() {
    std::string newest;
    for (int version = 13; version < 30; ++version) {
        for (const std::string base : {"/usr/lib/postgresql/", "/usr/pgsql-"}) {
            const std::string folder = base + std::to_string(version) + "/bin";
            if (::access((folder + "/initdb").c_str(), X_OK) == 0) newest = folder;
        }
    }
    return newest;
}

// PostgreSQL refuses to run as root: then it runs as the user that its package made.
std::string run_as() {
    if (::geteuid() != 0) return "";
    return "setpriv --reuid=postgres --regid=postgres --clear-groups ";
}

bool can_run() {
    return !server_programs().empty() && (::geteuid() != 0 || ::getpwnam("postgres") != nullptr);
}

// One cluster for all tests, initialised once; each test starts a server of its own on a copy.
class Cluster {
public:
    Cluster() {
        if (!can_run()) return;
        give_to_postgres(directory_.path());
        const std::string command = run_as() + server_programs() + "/initdb -D " + data() +
                                    " -U admin -A trust --no-sync -E UTF8 --locale=C >" +
                                    (directory_ / "initdb.log") + " 2>&1";
        made_ = std::system(command.c_str()) == 0;
    }

    static void give_to_postgres(const std::string& path) {
        if (const auto* user = ::getpwnam("postgres"); user != nullptr && ::geteuid() == 0)
            static_cast<void>(::chown(path.c_str(), user->pw_uid, user->pw_gid));
    }

    [[nodiscard]] bool made() const { return made_; }
    [[nodiscard]] std::string data() const { return directory_ / "data"; }
    [[nodiscard]] const std::string& directory() const { return directory_.path(); }

private:
    TemporaryDirectory directory_;
    bool made_ = false;
};

class PostgresProbing : public Probing {
protected:
    void SetUp() override {
        if (!can_run()) GTEST_SKIP() << "PostgreSQL's server (postgresql) is not installed";
        static const Cluster made;
        cluster = &made;
        ASSERT_TRUE(cluster->made()) << "initdb failed";
        Cluster::give_to_postgres(directory.path());
        ASSERT_EQ(shell(run_as() + "cp -a " + cluster->data() + " " + data()), 0);
    }

    void TearDown() override { stop(SIGQUIT); }

    static int shell(const std::string& command) { return std::system(command.c_str()); }

    [[nodiscard]] std::string data() const { return directory / "data"; }
    [[nodiscard]] std::string where() const {
        return "host=" + directory.path() + " user=admin dbname=postgres";
    }

    void configure(const std::string& line) {
        std::ofstream(data() + "/postgresql.conf", std::ios::app) << line << "\n";
    }

    void start() {
        postmaster = ::fork();
        if (postmaster == 0) {
            if (::geteuid() == 0) {
                const auto* user = ::getpwnam("postgres");
                if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                    ::setuid(user->pw_uid) != 0)
                    ::_exit(126);
            }
            const int log = ::open((directory / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
            ::dup2(log, 1);
            ::dup2(log, 2);
            // By its path also in argv[0], by which it looks for its library.
            const std::string program = server_programs() + "/postgres";
            ::execl(program.c_str(), program.c_str(), "-D", data().c_str(), "-k", directory.path().c_str(),
                    "-c", ("listen_addresses=" + listen).c_str(), "-p", port.c_str(), "-F", nullptr);
            ::_exit(127);
        }
    }

    core::Probed probe(const std::string& conninfo, const std::string& query = "", Duration timeout = 10s) {
        return ask(config::PostgresProbe{.conninfo = conninfo, .query = query}, timeout);
    }

    void start_and_wait() {
        start();
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (std::chrono::steady_clock::now() < end) {
            if (probe(where()).detail == "accepts connections") return;
            std::this_thread::sleep_for(20ms);
        }
        FAIL() << "PostgreSQL did not start: " << std::ifstream(directory / "log").rdbuf();
    }

    void stop(int signal) {
        if (postmaster <= 0) return;
        ::kill(postmaster, SIGCONT);
        ::kill(postmaster, signal);
        ::waitpid(postmaster, nullptr, 0);
        postmaster = -1;
    }

    TemporaryDirectory directory;
    const Cluster* cluster = nullptr;
    pid_t postmaster = -1;
    std::string listen;  // empty: Unix sockets only
    std::string port = "5432";
};

TEST_F(PostgresProbing, PassesWhenTheServerAcceptsConnections) {
    const auto before = probe(where());
    EXPECT_TRUE(is(before, ProbeOutcome::failed));
    EXPECT_EQ(before.detail, "no such file or directory (postgres host=" + directory.path() +
                                 " user=admin dbname=postgres)");
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    const auto running = probe(where());
    EXPECT_TRUE(is(running, ProbeOutcome::passed));
    stop(SIGKILL);
    EXPECT_THAT(probe(where()).detail, testing::StartsWith("connection refused"));
}

TEST_F(PostgresProbing, AServerThatStartsUpIsNeitherWellNorFailed) {
    configure("restore_command = 'sleep 60; false'");  // recovery that waits for its archive
    ASSERT_EQ(shell(run_as() + "touch " + data() + "/recovery.signal"), 0);
    start();
    core::Probed probed;
    for (int i = 0; i < 200 && !probed.detail.starts_with("the database system"); ++i) {
        probed = probe(where(), "SELECT 1");
        EXPECT_FALSE(is(probed, ProbeOutcome::passed));
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, testing::StartsWith("the database system is starting up (postgres host="));
}

TEST_F(PostgresProbing, AServerThatShutsDownIsNeitherWellNorFailed) {
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    begin(config::PostgresProbe{.conninfo = where(), .query = "SELECT pg_sleep(60)"}, 30s, 2);
    loop.run_for(300ms);
    ::kill(postmaster, SIGTERM);  // waits for the session
    std::this_thread::sleep_for(200ms);
    const auto probed = probe(where());
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, testing::StartsWith("the database system is shutting down"));
}

TEST_F(PostgresProbing, TooManyClientsIsNeitherWellNorFailed) {
    configure("max_connections = 4\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0");
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    const config::PostgresProbe sleeper{.conninfo = where(), .query = "SELECT pg_sleep(60)"};
    for (std::uint32_t i = 0; i < 4; ++i) begin(sleeper, 30s, 100 + i);
    loop.run_for(500ms);
    const auto probed = probe(where());
    EXPECT_TRUE(is(probed, ProbeOutcome::unknown));
    EXPECT_THAT(probed.detail, testing::StartsWith("sorry, too many clients already"));
}

TEST_F(PostgresProbing, ARefusedLoginShowsThatTheServerLives) {
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    ASSERT_TRUE(is(probe(where(), "CREATE ROLE app LOGIN PASSWORD 'right'"), ProbeOutcome::passed));
    std::ofstream(data() + "/pg_hba.conf") << "local all admin trust\nlocal all app scram-sha-256\n";
    ::kill(postmaster, SIGHUP);
    std::this_thread::sleep_for(300ms);
    const std::string app = "host=" + directory.path() + " user=app dbname=postgres";

    const auto none = probe(app);
    EXPECT_TRUE(is(none, ProbeOutcome::passed));
    EXPECT_EQ(none.detail, "accepts connections (login refused: it asks for a password)");
    const auto wrong = probe(app + " password=wrong");
    EXPECT_TRUE(is(wrong, ProbeOutcome::passed));
    EXPECT_THAT(wrong.detail, HasSubstr("password authentication failed for user \"app\""));
    const auto query = probe(app + " password=wrong", "SELECT 1");
    EXPECT_TRUE(is(query, ProbeOutcome::unknown));
    EXPECT_THAT(query.detail, testing::Not(HasSubstr("wrong")));
    EXPECT_TRUE(is(probe(app + " password=right", "SELECT 1"), ProbeOutcome::passed));
    EXPECT_TRUE(is(probe("host=" + directory.path() + " user=nobody dbname=postgres"), ProbeOutcome::passed));
}

TEST_F(PostgresProbing, APostmasterThatHangsTimesOutAndHoldsUpNobody) {
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    ::kill(postmaster, SIGSTOP);
    answers.clear();
    begin(config::PostgresProbe{.conninfo = where(), .query = {}}, 1s);
    auto longest = 0ms;
    auto last = std::chrono::steady_clock::now();
    const auto tick = [&] {
        const auto now = std::chrono::steady_clock::now();
        longest = std::max(longest, std::chrono::duration_cast<std::chrono::milliseconds>(now - last));
        last = now;
    };
    while (answers.empty()) {
        loop.run_for(10ms);
        tick();
    }
    EXPECT_LT(longest, 400ms) << "the loop stood still";
    EXPECT_TRUE(is(answers[0].probed, ProbeOutcome::failed));
    EXPECT_THAT(answers[0].probed.detail, testing::StartsWith("timed out after 1s, connected but no answer"));
}

TEST_F(PostgresProbing, TheQueryMustSucceed) {
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    EXPECT_TRUE(is(probe(where(), "SELECT 1; SELECT 2"), ProbeOutcome::passed));
    EXPECT_TRUE(
        is(probe(where(), "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"), ProbeOutcome::passed));
    const auto failed = probe(where(), "SELECT * FROM missing");
    EXPECT_TRUE(is(failed, ProbeOutcome::failed));
    EXPECT_THAT(failed.detail, testing::StartsWith("the query failed: relation \"missing\" does not exist"));
    EXPECT_TRUE(is(probe(where(), "SELECT 1; SELECT 1 / 0"), ProbeOutcome::failed));
    EXPECT_TRUE(is(probe(where(), "COPY pg_class TO STDOUT"), ProbeOutcome::unknown));
    EXPECT_TRUE(is(probe("host=" + directory.path() + " user=admin dbname=missing", "SELECT 1"),
                   ProbeOutcome::failed));
}

TEST_F(PostgresProbing, AQueryThatTimesOutIsCancelledInTheServer) {
    ASSERT_NO_FATAL_FAILURE(start_and_wait());
    const auto slow = probe(where(), "SELECT pg_sleep(1234)", 500ms);
    EXPECT_TRUE(is(slow, ProbeOutcome::failed));
    EXPECT_THAT(slow.detail, testing::StartsWith("timed out after 500ms, running the query"));
    core::Probed gone;
    for (int i = 0; i < 50 && gone.outcome != ProbeOutcome::passed; ++i) {
        std::this_thread::sleep_for(20ms);
        gone = probe(where(),
                     "SELECT 1 / (count(*) = 0)::int FROM pg_stat_activity "
                     "WHERE query LIKE '%pg_sleep(' || '1234)%' AND state = 'active'");
    }
    EXPECT_TRUE(is(gone, ProbeOutcome::passed));
}

TEST_F(PostgresProbing, ResolvesNamesItself) {
    {
        const Server free_port(loop, {});
        port = std::to_string(free_port.port());
    }
    listen = "127.0.0.1";
    start();
    const std::string by_name = "host=localhost port=" + port + " user=admin dbname=postgres";
    core::Probed probed;
    for (int i = 0; i < 200 && probed.outcome != ProbeOutcome::passed; ++i) {
        std::this_thread::sleep_for(20ms);
        probed = probe(by_name);
    }
    EXPECT_TRUE(is(probed, ProbeOutcome::passed));
    EXPECT_TRUE(is(probe("postgresql://admin@127.0.0.1:" + port + "/postgres"), ProbeOutcome::passed));
    const std::string several =
        "host=no-such-host.invalid,localhost port=1," + port + " user=admin dbname=postgres";
    EXPECT_TRUE(is(probe(several), ProbeOutcome::passed));
    EXPECT_TRUE(is(probe("host=no-such-host.invalid user=admin", "", 2s), ProbeOutcome::unknown));
}

TEST_F(PostgresProbing, SaysWhatIsWrongWithTheConninfo) {
    const auto typing = probe("hots=/run");
    EXPECT_TRUE(is(typing, ProbeOutcome::unknown));
    EXPECT_THAT(typing.detail, testing::StartsWith("conninfo: invalid connection option \"hots\""));
    EXPECT_TRUE(is(probe("service=main"), ProbeOutcome::unknown));
}

}  // namespace
}  // namespace dpsup::io
