#include "io/http/listener.hpp"

#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "support/raw_client.hpp"
#include "support/running_server.hpp"

namespace dpsup::io::http {
namespace {

using test::RawClient;
using test::TemporaryFolder;
using testing::HasSubstr;

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

TEST(Listener, LetsEveryoneConnectWhateverTheUmask) {
    const TemporaryFolder folder;
    const mode_t before = ::umask(0077);
    const auto listener = Listener::create(folder.file("s"));
    ::umask(before);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(mode_of(folder.file("s")), 0666U);
    EXPECT_TRUE(RawClient(folder.file("s")).connected());
}

TEST(Listener, LeavesNothingBesideTheSocketAndNothingAtItsEnd) {
    const TemporaryFolder folder;
    const auto count = [&] {
        return std::distance(std::filesystem::directory_iterator(folder.file("")),
                             std::filesystem::directory_iterator());
    };
    {
        const auto listener = Listener::create(folder.file("s"));
        ASSERT_TRUE(listener);
        EXPECT_EQ(count(), 1);
    }
    EXPECT_EQ(count(), 0);
}

TEST(Listener, ReplacesAStaleSocket) {
    const TemporaryFolder folder;
    const std::string path = folder.file("s");
    {
        const auto dead = Listener::create(folder.file("other"));
        ASSERT_TRUE(dead);
        std::filesystem::rename(folder.file("other"), path);  // so that it is left behind, as by SIGKILL
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    ASSERT_FALSE(RawClient(path).connected());
    const auto listener = Listener::create(path);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_TRUE(RawClient(path).connected());
}

TEST(Listener, RefusesWhereAnotherOneAnswers) {
    const TemporaryFolder folder;
    const auto first = Listener::create(folder.file("s"));
    ASSERT_TRUE(first);
    const auto second = Listener::create(folder.file("s"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "in_use");
    EXPECT_THAT(second.error().message, HasSubstr("another dpsupd answers on " + folder.file("s")));
    EXPECT_TRUE(RawClient(folder.file("s")).connected());
}

TEST(Listener, WaitsALittleForASocketThatADeadDaemonLeft) {
    const TemporaryFolder folder;
    // A daemon that is killed, with a child that still has all its descriptors for a moment.
    const pid_t daemon = ::fork();
    if (daemon == 0) {
        const auto made = Listener::create(folder.file("s"));
        if (::fork() == 0) ::usleep(300000);
        ::_exit(made ? 0 : 1);
    }
    int status = 0;
    ::waitpid(daemon, &status, 0);
    ASSERT_EQ(status, 0);
    const auto listener = Listener::create(folder.file("s"));
    EXPECT_TRUE(listener) << listener.error().message;
}

TEST(Listener, NeverReplacesWhatIsNoSocket) {
    const TemporaryFolder folder;
    std::ofstream(folder.file("s")) << "precious";
    const auto listener = Listener::create(folder.file("s"));
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code, "in_use");
    EXPECT_EQ(std::filesystem::file_size(folder.file("s")), 8U);
}

TEST(Listener, DoesNotUnlinkItsSuccessorsSocket) {
    const TemporaryFolder folder;
    auto first = Listener::create(folder.file("s"));
    ASSERT_TRUE(first);
    std::filesystem::remove(folder.file("s"));
    const auto second = Listener::create(folder.file("s"));
    ASSERT_TRUE(second);
    {
        const Listener gone = std::move(*first);
    }
    EXPECT_TRUE(RawClient(folder.file("s")).connected());
}

TEST(Listener, SaysWhatIsWrongWithAPath) {
    const TemporaryFolder folder;
    EXPECT_THAT(Listener::create(folder.file("missing/s")).error().message,
                HasSubstr("No such file or directory"));
    EXPECT_THAT(Listener::create("/" + std::string(120, 'x')).error().message, HasSubstr("longer than 107"));
    EXPECT_FALSE(Listener::create(""));
}

TEST(Listener, TakesOverADescriptorThatListens) {
    const TemporaryFolder folder;
    const auto made = Listener::create(folder.file("s"));
    ASSERT_TRUE(made);
    {
        const auto adopted = Listener::adopt(::dup(made->fd()));
        ASSERT_TRUE(adopted) << adopted.error().message;
    }
    EXPECT_TRUE(std::filesystem::exists(folder.file("s"))) << "an adopted socket is not ours to unlink";
}

TEST(Listener, TakesOverNothingElse) {
    EXPECT_FALSE(Listener::adopt(-1));
    EXPECT_FALSE(Listener::adopt(STDERR_FILENO));
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    EXPECT_FALSE(Listener::adopt(pair[0]));
    ::close(pair[0]);
    ::close(pair[1]);
}

TEST(Listener, DoesNotWaitForEverForALockedFolder) {
    const TemporaryFolder folder;
    const int held = ::open(folder.file("").c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(::flock(held, LOCK_EX), 0);
    const auto listener = Listener::create(folder.file("s"));
    EXPECT_EQ(listener.error().code, "in_use");
    ::close(held);
}

}  // namespace
}  // namespace dpsup::io::http
