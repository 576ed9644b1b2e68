// What dpsupd finds when it is started: limits, signals, umask and descriptors of whoever starts it.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* one = "[service.x]\ncommand = \"@ACTOR@\"\n";

// The limit of processes binds no root.
bool be_somebody_with_processes(rlim_t count) {
    constexpr uid_t somebody = 65432;
    if (::geteuid() == 0 &&
        (::setresgid(somebody, somebody, somebody) != 0 || ::setresuid(somebody, somebody, somebody) != 0))
        return false;
    const rlimit limit{count, count};
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

TEST(Surroundings, WithoutThreadsForItTheStartFailsWithAMessage) {
    std::size_t failed = 0;
    for (rlim_t count = 0; count < 20; ++count) {
        Options options;
        options.before_exec = [count] { return be_somebody_with_processes(count); };
        Daemon daemon(one, options, Daemon::Prepared{});
        ::chmod(daemon.scratch().path().c_str(), 0777);
        ::chmod(daemon.path("dpsupd.log").c_str(), 0666);
        daemon.launch();
        if (daemon.answers()) break;
        const auto end = daemon.wait();
        ASSERT_TRUE(end);
        ASSERT_EQ(end->code, 1) << count << " signal " << end->signal << "\n" << daemon.log();
        EXPECT_THAT(daemon.log(), HasSubstr("cannot start"));
        ++failed;
    }
    EXPECT_GE(failed, 3U);
}

}  // namespace
}  // namespace dpsup::test
