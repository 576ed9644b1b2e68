#include "io/systemd/notifier.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <future>

#include "io/systemd/descriptor_store.hpp"
#include "support/notify_receiver.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> texts_of(std::vector<test::NotifyReceiver::Message> messages) {
    std::vector<std::string> texts;
    for (test::NotifyReceiver::Message& message : messages) texts.push_back(std::move(message.text));
    return texts;
}

// Says it until there is no more room: then systemd does not read.
void fill(const std::string& socket) {
    const UniqueFd from(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket.data(), socket.size());
    while (::sendto(from.get(), "x", 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == 1) {
    }
    ASSERT_EQ(errno, EAGAIN);
}

TEST(SystemdNotifier, TellsSystemd) {
    test::NotifyReceiver systemd;
    const SystemdNotifier notifier;
    notifier.ready("3 services");
    notifier.status("4 services");
    notifier.watchdog();
    notifier.extend_timeout(15s);
    notifier.stopping("ends");
    EXPECT_THAT(texts_of(systemd.heard()),
                testing::ElementsAre("READY=1\nSTATUS=3 services", "STATUS=4 services", "WATCHDOG=1",
                                     "EXTEND_TIMEOUT_USEC=15000000", "STOPPING=1\nSTATUS=ends"));
}

TEST(SystemdNotifier, TellsAnAbstractSocket) {
    const std::string name = "dpsup-test-" + std::to_string(::getpid());
    const UniqueFd systemd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(::bind(systemd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    SystemdNotifier().watchdog();
    ::unsetenv("NOTIFY_SOCKET");
    std::array<char, 64> text{};
    EXPECT_EQ(::recv(systemd.get(), text.data(), text.size(), MSG_DONTWAIT), 10);
    EXPECT_STREQ(text.data(), "WATCHDOG=1");
}

// Where it waits for systemd all the same, its time is over as soon as the test reads in systemd's place.
TEST(SystemdNotifier, DoesNotWaitForASystemdThatHangs) {
    test::NotifyReceiver systemd;
    fill(std::getenv("NOTIFY_SOCKET"));
    auto told = std::async(std::launch::async, [] {
        const SystemdNotifier notifier;
        notifier.status("x");
        notifier.watchdog();
        notifier.extend_timeout(1s);
        notifier.ready("x");
        notifier.reloading("x");
        notifier.stopping("x");
        DescriptorStore store = DescriptorStore::inherit();
        const bool kept = store.keep("x", STDIN_FILENO).has_value();
        store.drop("x");
        return kept;
    });
    EXPECT_EQ(told.wait_for(20s), std::future_status::ready);
    while (told.wait_for(10ms) != std::future_status::ready) (void)systemd.heard();
    EXPECT_TRUE(told.get());
}

}  // namespace
}  // namespace dpsup::io
