#include "io/socket/listening_socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "support/free_port.hpp"
#include "support/temporary_folder.hpp"

namespace dpsup::io {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

config::Socket tcp(std::uint16_t port, const std::string& host = "127.0.0.1") {
    return {.host = host, .port = port, .path = {}, .name = "t"};
}

config::Socket at(const std::string& path) {
    return {.host = {}, .port = 0, .path = path, .name = "u"};
}

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

TEST(ListeningSocket, ListensAndIsKnownByWhatItIs) {
    const std::uint16_t port = test::free_port();
    const auto opened = open_listening(tcp(port));
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_TRUE(test::accepts(port));
    EXPECT_TRUE(listens_at(opened->get(), tcp(port)));
    EXPECT_FALSE(listens_at(opened->get(), tcp(static_cast<std::uint16_t>(port + 1))));
    EXPECT_FALSE(listens_at(opened->get(), tcp(port, "127.0.0.2")));
    EXPECT_FALSE(listens_at(opened->get(), tcp(port, "::1")));
    EXPECT_FALSE(listens_at(opened->get(), at("/x")));
    EXPECT_EQ(::fcntl(opened->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(opened->get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(ListeningSocket, OfIpv6TakesNoIpv4) {
    const auto opened = open_listening(tcp(test::free_port(), "::1"));
    if (!opened && opened.error().error_number != EADDRINUSE) GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(opened);
    EXPECT_EQ(option(opened->get(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

TEST(ListeningSocket, IsNotTakenForOneThatDoesNotListen) {
    const TemporaryFolder folder;
    const auto opened = open_listening(at(folder.file("s")));
    ASSERT_TRUE(opened);
    EXPECT_TRUE(listens_at(opened->get(), at(folder.file("s"))));
    const UniqueFd connected(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_FALSE(listens_at(connected.get(), at(folder.file("s"))));
    EXPECT_FALSE(listens_at(STDIN_FILENO, at(folder.file("s"))));
}

TEST(ListeningSocket, SaysThatItsAddressIsTaken) {
    const config::Socket socket = tcp(test::free_port());
    const auto first = open_listening(socket);
    ASSERT_TRUE(first);
    const auto second = open_listening(socket);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().stage, "socket");
    EXPECT_EQ(second.error().error_number, EADDRINUSE);
    EXPECT_THAT(second.error().detail, HasSubstr("tcp://127.0.0.1:" + std::to_string(socket.port)));
    EXPECT_THAT(second.error().detail, HasSubstr("`ss -ltnp sport = :" + std::to_string(socket.port) + "`"));
}

TEST(ListeningSocket, SaysThatItsAddressIsNoneOfThisHosts) {
    const auto opened = open_listening(tcp(1, "192.0.2.1"));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().error_number, EADDRNOTAVAIL);
}

TEST(ListeningSocket, OfUnixLetsEveryoneConnectWhateverTheUmask) {
    const TemporaryFolder folder;
    const mode_t before = ::umask(0077);
    const auto opened = open_listening(at(folder.file("s")));
    ::umask(before);
    ASSERT_TRUE(opened);
    EXPECT_EQ(mode_of(folder.file("s")), 0666U);
}

TEST(ListeningSocket, ReplacesAStaleSocketOnly) {
    const TemporaryFolder folder;
    const config::Socket socket = at(folder.file("s"));
    {
        const auto dead = open_listening(socket);
        ASSERT_TRUE(dead);
    }
    ASSERT_TRUE(can_be_found(socket)) << "it is left behind";
    const auto opened = open_listening(socket);
    ASSERT_TRUE(opened) << opened.error().detail;
    const auto second = open_listening(socket);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().error_number, EADDRINUSE);
    EXPECT_THAT(second.error().detail, HasSubstr("process " + std::to_string(::getpid()) + " (unit_socket)"));
    std::ofstream(folder.file("f")) << "precious";
    const auto file = open_listening(at(folder.file("f")));
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().detail, HasSubstr("no socket"));
    EXPECT_EQ(std::filesystem::file_size(folder.file("f")), 8U);
}

TEST(ListeningSocket, DoesNotWaitForItsDirectory) {
    const TemporaryFolder folder;
    const UniqueFd held(::open(folder.file("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
    const auto opened = open_listening(at(folder.file("s")));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().error_number, EWOULDBLOCK);
    const auto missing = open_listening(at(folder.file("missing/s")));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().error_number, ENOENT);
}

TEST(ListeningSocket, IsClearedUpWhereNobodyListens) {
    const TemporaryFolder folder;
    const config::Socket socket = at(folder.file("s"));
    {
        const auto opened = open_listening(socket);
        ASSERT_TRUE(opened);
        clear_up(socket);
        EXPECT_TRUE(can_be_found(socket)) << "somebody listens";
    }
    clear_up(socket);
    EXPECT_FALSE(can_be_found(socket));
    std::ofstream(folder.file("s")) << "precious";
    clear_up(socket);
    EXPECT_TRUE(std::filesystem::exists(folder.file("s")));
}

TEST(ListeningSocket, IsGivenToItsUser) {
    const TemporaryFolder folder;
    config::Socket socket = at(folder.file("s"));
    const auto opened = open_listening(socket);
    ASSERT_TRUE(opened);
    socket.mode = 0640;
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(give_to(socket, 54321, 54322), 0);
    struct stat status{};
    ASSERT_EQ(::stat(socket.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 54321U);
    EXPECT_EQ(status.st_gid, 54322U);
    EXPECT_EQ(status.st_mode & 07777U, 0640U);
    std::ofstream(folder.file("f")) << "precious";
    EXPECT_EQ(give_to(at(folder.file("f")), 54321, 54322), ENOTSOCK);
    EXPECT_EQ(give_to(at(folder.file("missing")), 54321, 54322), ENOENT);
    EXPECT_EQ(give_to(tcp(1), 54321, 54322), 0);
}

}  // namespace
}  // namespace dpsup::io
