#include "io/systemd/descriptor_store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "support/notify_receiver.hpp"
#include "support/passing.hpp"

namespace dpsup::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

UniqueFd some_file() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// A pipe has an inode of its own, by which it is known again.
struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
            read.reset(ends[0]);
            write.reset(ends[1]);
        }
    }
    UniqueFd read;
    UniqueFd write;
};

ino_t inode_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) != -1;
}

TEST(DescriptorStore, TakesWhatSystemdPassed) {
    const Pipe a;
    const Pipe b;
    const ino_t inode_a = inode_of(a.read.get());  // in the child, the number may be another's
    const ino_t inode_b = inode_of(b.read.get());
    const int code = test::with_passed({{"x", a.read.get()}, {"y", b.read.get()}, {"x", b.write.get()}}, [&] {
        DescriptorStore store = DescriptorStore::inherit();
        if (std::getenv("LISTEN_FDS") != nullptr) return 1;
        if (store.waiting() != std::vector<std::string>{"x", "y"}) return 2;
        const std::vector<UniqueFd> taken = store.take("x");
        if (taken.size() != 2 || inode_of(taken[0].get()) != inode_a || inode_of(taken[1].get()) != inode_b)
            return 3;
        if (::fcntl(taken[0].get(), F_GETFD) != FD_CLOEXEC) return 4;
        return store.waiting() == std::vector<std::string>{"y"} && store.take("x").empty() ? 0 : 5;
    });
    EXPECT_EQ(code, 0);
}

TEST(DescriptorStore, TakesNothingThatIsMeantForAnother) {
    const Pipe pipe;
    const int code = test::with_passed({{"x", pipe.read.get()}}, [] {
        ::setenv("LISTEN_PID", "1", 1);
        ::setenv("DPSUP_DESCRIPTORS", "1 3:x", 1);
        const bool none = DescriptorStore::inherit().waiting().empty();
        return none && std::getenv("DPSUP_DESCRIPTORS") == nullptr ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
}

TEST(DescriptorStore, TakesNothingFromAGarbledList) {
    const int code = test::with_passed({}, [] {
        ::unsetenv("LISTEN_FDS");
        const std::string pid = std::to_string(::getpid());
        for (const std::string& list :
             {pid + " 1:out 999:closed x:y 3 :z", std::string(), std::string("x"), pid}) {
            ::setenv("DPSUP_DESCRIPTORS", list.c_str(), 1);
            if (!DescriptorStore::inherit().waiting().empty()) return 1;
        }
        return is_open(STDOUT_FILENO) ? 0 : 2;
    });
    EXPECT_EQ(code, 0);
}

TEST(DescriptorStore, GivesSystemdACopyAndTakesItBack) {
    test::NotifyReceiver systemd;
    DescriptorStore store = DescriptorStore::inherit();
    const Pipe pipe;
    ASSERT_TRUE(store.keep("service/x", pipe.read.get()));
    const auto kept = systemd.heard();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].text, "FDSTORE=1\nFDPOLL=0\nFDNAME=service/x");
    ASSERT_EQ(kept[0].descriptors.size(), 1U);
    EXPECT_EQ(inode_of(kept[0].descriptors[0].get()), inode_of(pipe.read.get()));
    ASSERT_TRUE(store.keep_over_exec("control", pipe.read.get()));
    EXPECT_THAT(systemd.heard(), IsEmpty());
    store.drop("service/x");
    const auto dropped = systemd.heard();
    ASSERT_EQ(dropped.size(), 1U);
    EXPECT_EQ(dropped[0].text, "FDSTOREREMOVE=1\nFDNAME=service/x");
}

TEST(DescriptorStore, NeedsNoSystemd) {
    ::unsetenv("NOTIFY_SOCKET");
    DescriptorStore store = DescriptorStore::inherit();
    const UniqueFd fd = some_file();
    EXPECT_TRUE(store.keep("x", fd.get()));
    EXPECT_FALSE(store.keep("x", -1));
    store.drop("x");
}

// Through a real exec: a shell that is started so has them, and the names.
TEST(DescriptorStore, LetsWhatItKeepsThroughAnExec) {
    const Pipe kept;
    const Pipe dropped;
    const pid_t child = ::fork();
    if (child == 0) {
        DescriptorStore store = DescriptorStore::inherit();
        const bool stored = store.keep("a", kept.write.get()) && store.keep("b", dropped.write.get());
        store.drop("b");
        store.open_for_exec();
        if (!stored) ::_exit(9);
        const char* script =
            R"(set -- $DPSUP_DESCRIPTORS; test "$1" = $$ || exit 3; test $# = 2 || exit 4
               test "${2#*:}" = a || exit 5; eval "echo through >&${2%%:*}")";
        ::execl("/bin/bash", "bash", "-c", script, nullptr);
        ::_exit(8);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    std::array<char, 16> text{};
    EXPECT_EQ(::read(kept.read.get(), text.data(), text.size()), 8);
    EXPECT_STREQ(text.data(), "through\n");
}

TEST(DescriptorStore, ClosesTheDoorWhereTheExecFailed) {
    const int code = test::with_passed({}, [] {
        ::unsetenv("LISTEN_FDS");
        DescriptorStore store = DescriptorStore::inherit();
        const UniqueFd fd = some_file();
        if (!store.keep("x", fd.get())) return 1;
        store.open_for_exec();
        const std::string list = std::getenv("DPSUP_DESCRIPTORS");
        const int copy = std::atoi(list.substr(list.find(' ') + 1).c_str());
        if (::fcntl(copy, F_GETFD) != 0) return 2;
        store.exec_failed();
        if (std::getenv("DPSUP_DESCRIPTORS") != nullptr) return 3;
        return ::fcntl(copy, F_GETFD) == FD_CLOEXEC ? 0 : 4;
    });
    EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace dpsup::io
