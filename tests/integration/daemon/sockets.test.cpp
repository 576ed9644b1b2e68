// Socket activation of services: what a service is handed, and that its clients wait rather than being refused.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "daemon.hpp"
#include "tcp.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string host = own_address();

std::string tcp(std::uint16_t port) {
    return "\"tcp://" + host + ":" + std::to_string(port) + "\"";
}

// A service that serves on what it is handed.
std::string web(const std::string& sockets, const std::string& keys = "") {
    return "[service.web]\ncommand = \"@ACTOR@ record @DIR@/record web describe @DIR@/web serve-passed ok\"\n"
           "restart = { delay = \"10ms\", max_delay = \"50ms\" }\nsockets = [" +
           sockets + "]\n" + keys + "\n";
}

bool is_socket(const std::string& path) {
    struct stat about{};
    return ::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode);
}

// Of a file at `path` that is bound; the descriptor listens where that is wanted.
int bound_socket(const std::string& path, bool listens) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path;
    if (listens) {
        EXPECT_EQ(::listen(fd, 16), 0);
    }
    return fd;
}

std::string get_from(const std::string& path) {
    Connection connection(path);
    if (!connection.connected()) return "(refused)";
    connection.write("GET / HTTP/1.1\r\n\r\n");
    return connection.read_to_end();
}

TEST(Sockets, AreHandedToTheirServiceAndToNoOther) {
    const std::uint16_t port = free_port(host);
    const std::uint16_t port6 = free_port("::1");
    ASSERT_NE(port6, 0) << "no IPv6 here";
    Daemon daemon(web(tcp(port) + ", \"tcp://[::1]:" + std::to_string(port6) +
                      "\", { address = \"unix://@DIR@/web.sock\", name = \"local\" }") +
                  "[service.other]\ncommand = \"@ACTOR@ describe @DIR@/other\"\ndepends_on = [\"web\"]\n");
    ASSERT_TRUE(daemon.all_reach({"ready"}));
    EXPECT_THAT(get(host, port), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(get("::1", port6), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(get_from(daemon.path("web.sock")), StartsWith("HTTP/1.1 200 OK"));
    const std::string about = daemon.text("web");
    EXPECT_THAT(about, HasSubstr("descriptors 3 4 5\n"));
    EXPECT_THAT(about, HasSubstr("env LISTEN_FDS=3\n"));
    EXPECT_THAT(about,
                HasSubstr("env LISTEN_PID=" + std::to_string(daemon.status("web")["pid"].number()) + "\n"));
    EXPECT_THAT(about, HasSubstr("env LISTEN_FDNAMES=tcp-" + std::to_string(port) + ":tcp-" +
                                 std::to_string(port6) + ":local\n"));
    ASSERT_TRUE(eventually([&] { return !daemon.text("other").empty(); }));
    EXPECT_THAT(daemon.text("other"), HasSubstr("descriptors\n"));
    EXPECT_THAT(daemon.text("other"), ::testing::Not(HasSubstr("LISTEN_")));
}

TEST(Sockets, KeepTheirClientsWaitingWhileTheServiceRestarts) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(
        "[service.web]\ncommand = [\"@ACTOR@\", \"record\", \"@DIR@/record\", \"web\", \"wait-for\", "
        "\"@DIR@/go\", \"serve-passed\", \"ok\"]\nsockets = [" +
        tcp(port) + "]\n");
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    // It is ready once it has been exec'd; a moment later it may be ended before it has recorded anything.
    const std::string record = daemon.path("record");
    ASSERT_TRUE(eventually([&] { return count_records(record, "start", "web") == 1; }));
    std::string reply;
    std::thread client([&] { reply = get(host, port); });
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "web"}).code(), 0);
    EXPECT_EQ(connect_error(host, port), 0);
    write_file(daemon.path("go"), "");
    client.join();
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK"));
    EXPECT_EQ(count_records(record, "start", "web"), 2U);
}

TEST(Sockets, AreOpenWhileTheServiceCrashesAgainAndAgain) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(
        "[service.web]\ncommand = \"@ACTOR@ exit 1\"\nrestart = { delay = \"1h\", max_delay = \"1h\" }\n"
        "sockets = [" +
        tcp(port) + "]\n");
    ASSERT_TRUE(daemon.reaches("web", "backoff"));
    EXPECT_EQ(connect_error(host, port), 0);
    daemon.crash();
    EXPECT_EQ(daemon.status("web")["state"].text(), "backoff");
    EXPECT_EQ(connect_error(host, port), 0) << "opened again by the next daemon";
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "web"}).code(), 0);
    EXPECT_EQ(connect_error(host, port), ECONNREFUSED);
}

TEST(Sockets, AreOpenWhileTheServiceWaitsForOthers) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(
        web(tcp(port), "depends_on = { db = \"ready\" }") +
        "[service.db]\ncommand = [\"@ACTOR@\", \"wait-for\", \"@DIR@/go\", \"notify\", \"READY=1\"]\n"
        "notify = true\n");
    ASSERT_TRUE(daemon.reaches("web", "waiting"));
    EXPECT_EQ(connect_error(host, port), 0);
    write_file(daemon.path("go"), "");
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    EXPECT_THAT(get(host, port), StartsWith("HTTP/1.1 200 OK"));
}

TEST(Sockets, AreClosedByAStopAndByTheEnd) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(web(tcp(port) + ", \"unix://@DIR@/web.sock\""));
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "web"}).code(), 0);
    EXPECT_EQ(connect_error(host, port), ECONNREFUSED);
    EXPECT_FALSE(is_socket(daemon.path("web.sock")));
    ASSERT_EQ(daemon.ctl({"start", "--wait", "web"}).code(), 0);
    EXPECT_EQ(connect_error(host, port), 0);
    ASSERT_TRUE(daemon.terminate().has_value());
    EXPECT_EQ(connect_error(host, port), ECONNREFUSED);
    EXPECT_FALSE(is_socket(daemon.path("web.sock")));
}

TEST(Sockets, ThatAreTakenAreToldOfAndTriedAgain) {
    Daemon daemon(web("\"unix://@DIR@/web.sock\""), {}, Daemon::Prepared{});
    const int taken = bound_socket(daemon.path("web.sock"), true);
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("web", "backoff"));
    EXPECT_THAT(daemon.story("web"),
                HasSubstr("could not be launched: socket failed: unix://" + daemon.path("web.sock") +
                          ": process " + std::to_string(::getpid()) + " (integration_dae)"));
    EXPECT_THAT(daemon.story("web"), HasSubstr("EADDRINUSE"));
    ::close(taken);
    EXPECT_TRUE(daemon.reaches("web", "ready")) << "what is stale is replaced";
    EXPECT_THAT(get_from(daemon.path("web.sock")), StartsWith("HTTP/1.1 200 OK"));
}

TEST(Sockets, OfTcpThatAreTakenAreToldOfAndTriedAgain) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(web(tcp(port)), {}, Daemon::Prepared{});
    const Child thief({.command = {DPSUP_ACTOR, "serve", "tcp:" + host + ":" + std::to_string(port), "ok"}});
    ASSERT_TRUE(eventually([&] { return connect_error(host, port) == 0; }));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("web", "backoff"));
    EXPECT_THAT(daemon.story("web"), HasSubstr("socket failed: tcp://" + host + ":" + std::to_string(port)));
    EXPECT_THAT(daemon.story("web"), HasSubstr("EADDRINUSE"));
    thief.signal(SIGKILL);
    EXPECT_TRUE(daemon.reaches("web", "ready"));
}

TEST(Sockets, NeverReplaceAFile) {
    Daemon daemon(web("\"unix://@DIR@/web.sock\""), {}, Daemon::Prepared{});
    write_file(daemon.path("web.sock"), "precious");
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(daemon.reaches("web", "backoff"));
    EXPECT_THAT(daemon.story("web"), HasSubstr("what lies there is no socket"));
    EXPECT_EQ(daemon.text("web.sock"), "precious");
}

TEST(Sockets, ChangeOneByOne) {
    const std::uint16_t stays = free_port(host);
    const std::string old_path = "\"unix://@DIR@/old.sock\"";
    Daemon daemon(web(tcp(stays) + ", " + old_path));
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    const auto before = daemon.status("web")["pid"].number();
    daemon.configure(web(tcp(stays) + ", \"unix://@DIR@/new.sock\""));
    const Json operation = daemon.ctl_json({"plan"})["operations"].items().at(0);
    EXPECT_EQ(operation["action"].text(), "restart");
    EXPECT_THAT(operation["causes"].items().at(0).text(), StartsWith("sockets changed: "));
    Load load(host, stays, 200);
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    ASSERT_TRUE(eventually([&] {
        const Json now = daemon.status("web");
        return now["state"].text() == "ready" && now["pid"].number() != before;
    }));
    load.stop();
    EXPECT_EQ(load.refused(), 0);
    EXPECT_EQ(load.failed(), 0);
    EXPECT_GT(load.answered(), 0);
    EXPECT_THAT(get_from(daemon.path("new.sock")), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_FALSE(is_socket(daemon.path("old.sock")));
    daemon.configure("[service.idle]\ncommand = \"@ACTOR@\"\n");
    ASSERT_EQ(daemon.ctl({"apply"}).code(), 0);
    EXPECT_TRUE(eventually([&] { return connect_error(host, stays) == ECONNREFUSED; }));
    EXPECT_TRUE(eventually([&] { return !is_socket(daemon.path("new.sock")); }));
}

class SocketTakeover : public ::testing::TestWithParam<bool> {};

TEST_P(SocketTakeover, KeepsTheSocketsOfWhatRuns) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may look into other processes";
    const std::uint16_t port = free_port(host);
    Daemon daemon(web(tcp(port) + ", \"unix://@DIR@/web.sock\""), {.cgroups = GetParam()});
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    struct stat before{};
    ASSERT_EQ(::stat(daemon.path("web.sock").c_str(), &before), 0);
    daemon.crash();
    EXPECT_THAT(get(host, port), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_EQ(count_records(daemon.path("record"), "start", "web"), 1U);
    // While the service is away, the new daemon alone has them.
    ::kill(static_cast<pid_t>(daemon.status("web")["pid"].number()), SIGSTOP);
    Load load(host, port, 100);
    ASSERT_EQ(daemon.ctl({"kill", "web"}).code(), 0);
    ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "web") == 2; }));
    load.stop();
    EXPECT_EQ(load.refused(), 0);
    struct stat after{};
    ASSERT_EQ(::stat(daemon.path("web.sock").c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino) << "the socket is still the first one";
    EXPECT_THAT(get_from(daemon.path("web.sock")), StartsWith("HTTP/1.1 200 OK"));
    ASSERT_EQ(daemon.ctl({"stop", "--wait", "web"}).code(), 0);
    EXPECT_FALSE(is_socket(daemon.path("web.sock")));
    EXPECT_THAT(daemon.log(), ::testing::Not(HasSubstr("cannot be taken over")));
}

TEST_P(SocketTakeover, OpensAnewWhatNobodyHasAnyMore) {
    const std::uint16_t port = free_port(host);
    Daemon daemon(web(tcp(port) + ", \"unix://@DIR@/web.sock\""), {.cgroups = GetParam()});
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    const auto pid = static_cast<pid_t>(daemon.status("web")["pid"].number());
    daemon.signal(SIGKILL);
    ASSERT_TRUE(daemon.wait().has_value());
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return connect_error(host, port) == ECONNREFUSED; }));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    ASSERT_TRUE(eventually([&] { return count_records(daemon.path("record"), "start", "web") == 2; }));
    EXPECT_THAT(get(host, port), StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(get_from(daemon.path("web.sock")), StartsWith("HTTP/1.1 200 OK"));
}

INSTANTIATE_TEST_SUITE_P(Daemon, SocketTakeover, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "WithCgroups" : "WithoutCgroups"; });

// A thousand requests a second, come what may to the service and to the daemon.
TEST(Sockets, RefuseNobodyThroughRestartsOfTheServiceAndOfTheDaemon) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may look into other processes";
    const std::uint16_t port = free_port(host);
    Daemon daemon(web(tcp(port)));
    ASSERT_TRUE(daemon.reaches("web", "ready"));
    const int service_restarts = full_size() ? 50 : 5;
    const int daemon_restarts = full_size() ? 20 : 3;
    Load load(host, port, 1000);
    const auto goes_on = [&] {
        const long before = load.answered();
        return eventually([&] { return load.answered() > before + 100; });
    };
    std::size_t starts = 1;
    int restarted = 0;
    for (int i = 0; i < daemon_restarts; ++i) {
        for (; restarted < service_restarts * (i + 1) / daemon_restarts; ++restarted) {
            ASSERT_EQ(daemon.ctl({"restart", "--wait", "web"}).code(), 0);
            ++starts;
            ASSERT_TRUE(goes_on());
        }
        daemon.crash();
        ASSERT_TRUE(goes_on());
        ASSERT_EQ(count_records(daemon.path("record"), "start", "web"), starts) << "only by our command";
    }
    ASSERT_EQ(daemon.ctl({"restart", "--wait", "web"}).code(), 0);
    ASSERT_TRUE(goes_on());
    load.stop();
    EXPECT_EQ(load.refused(), 0);
    EXPECT_EQ(load.failed(), 0);
    std::cout << load.answered() << " requests answered, " << load.waiting_max() << " waiting at the most, "
              << load.left_out() << " left out for that\n";
}

}  // namespace
}  // namespace dpsup::test
