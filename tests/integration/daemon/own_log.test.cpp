// dpsupd's own log, where nobody reads it any more: supervision goes on.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.hpp"

namespace dpsup::test {
namespace {

// A pipe under the name of dpsupd's log. It goes before the daemon does, whose destructor reads that log.
class Pipe {
public:
    explicit Pipe(std::string path) : path_(std::move(path)) {
        EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
        reader_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        EXPECT_GE(reader_, 0);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_reader();
        ::unlink(path_.c_str());
    }
    void fill() const {
        const int writer = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        const std::string block(4096, 'x');
        while (::write(writer, block.data(), block.size()) > 0) {
        }
        ::close(writer);
    }
    void close_reader() {
        if (reader_ >= 0) ::close(std::exchange(reader_, -1));
    }

private:
    std::string path_;
    int reader_ = -1;
};

constexpr const char* noisy =
    "[service.x]\ncommand = \"@ACTOR@\"\n[service.noisy]\ncommand = \"false\"\n"
    "restart = { delay = \"0s\", max_delay = \"1ms\" }\n";

const Options talkative{
    .daemon_keys = "log_level = \"debug\"\nrestart_budget = { burst = 1000000, per_second = 1000000 }"};

void expect_supervision(const Daemon& daemon) {
    const auto restarts = [&] { return daemon.status("noisy")["restarts"].number(); };
    const std::int64_t first = restarts();
    EXPECT_TRUE(eventually([&] { return restarts() > first + 50; }));
    EXPECT_EQ(daemon.ctl({"restart", "--wait", "x"}).code(), 0);
}

TEST(OwnLog, ThatIsFullHoldsNothingUp) {
    Daemon daemon(noisy, talkative, Daemon::Prepared{});
    const Pipe log(daemon.path("dpsupd.log"));
    log.fill();
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    expect_supervision(daemon);
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value()) << "it does not end";
    EXPECT_EQ(end->code, 0);
}

TEST(OwnLog, ThatNobodyReadsAnyMoreKillsNothing) {
    Daemon daemon(noisy, talkative, Daemon::Prepared{});
    Pipe log(daemon.path("dpsupd.log"));
    daemon.launch();
    ASSERT_TRUE(daemon.answers());
    log.close_reader();
    expect_supervision(daemon);
    const auto end = daemon.terminate();
    ASSERT_TRUE(end.has_value()) << "it does not end";
    EXPECT_EQ(end->code, 0);
}

}  // namespace
}  // namespace dpsup::test
