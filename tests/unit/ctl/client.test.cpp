// A daemon that hangs: it is stopped, or its loop does not come round.
#include "dpsupctl/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "support/temporary_folder.hpp"

namespace dpsup::ctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Patience little{.request = 20ms, .stream = 50ms};

// Listens, and takes connections only where the test says so.
class Hanging {
public:
    Hanging() {
        const sockaddr_un address = here();
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd_, 0), 0);
    }
    Hanging(const Hanging&) = delete;
    Hanging& operator=(const Hanging&) = delete;
    ~Hanging() {
        for (const int fd : open_) ::close(fd);
        ::close(fd_);
    }
    [[nodiscard]] std::string path() const { return folder_.file("socket"); }
    // Until nobody else can connect.
    void fill_queue() {
        const sockaddr_un address = here();
        do open_.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        while (::connect(open_.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    // Puts an answer where the next client will find it, before its request is read.
    void answer(const std::string& text) {
        open_.push_back(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_EQ(::send(open_.back(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }

private:
    [[nodiscard]] sockaddr_un here() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().data(), path().size());
        return address;
    }

    test::TemporaryFolder folder_;
    int fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::vector<int> open_;
};

TEST(HangingDaemon, TakesNoConnection) {
    Hanging daemon;
    daemon.fill_queue();
    Client client(daemon.path(), little);
    const auto answer = client.ask("GET", "/v1/status", {}, 20ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "no_answer");
    EXPECT_THAT(answer.error().message, HasSubstr("takes no request on " + daemon.path()));
}

TEST(HangingDaemon, TakesNoRequest) {
    const Hanging daemon;
    Client client(daemon.path(), little);
    const auto answer = client.ask("POST", "/v1/actions", std::string(4 << 20, ' '), 20ms);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "no_answer");
    EXPECT_THAT(answer.error().message, HasSubstr("takes no request"));
}

TEST(HangingDaemon, IsNoticedByWhoFollowsItsEvents) {
    Hanging daemon;
    std::thread accepts(
        [&] { daemon.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n"); });
    Client client(daemon.path(), {.request = 10s, .stream = 200ms});
    const auto opened = client.open_stream("/v1/events");
    accepts.join();
    ASSERT_TRUE(opened) << opened.error().message;
    int quiet = 0;
    for (;;) {
        const auto line = client.next_line(10ms);  // as `status --watch` asks, to count the ages on
        if (!line) {
            EXPECT_EQ(line.error().code, "no_answer");
            EXPECT_THAT(line.error().message, HasSubstr("silent"));
            break;
        }
        ASSERT_LT(quiet += *line ? 0 : 1, 1000) << "it waits for ever";
    }
}

}  // namespace
}  // namespace dpsup::ctl
