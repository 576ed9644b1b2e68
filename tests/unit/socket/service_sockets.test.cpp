#include "io/socket/service_sockets.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "base/hash.hpp"
#include "config/socket_keys.hpp"
#include "io/socket/listening_socket.hpp"
#include "support/free_port.hpp"
#include "support/notify_receiver.hpp"
#include "support/passing.hpp"

namespace dpsup::io {
namespace {

using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ServiceId id{1};

config::Socket tcp(std::uint16_t port) {
    return {.host = "127.0.0.1", .port = port, .path = {}, .name = "t"};
}

config::Socket at(const std::string& path) {
    return {.host = {}, .port = 0, .path = path, .name = "u"};
}

config::Service listening(std::vector<config::Socket> sockets) {
    config::Service service;
    service.name = "web";
    service.process.sockets = std::move(sockets);
    return service;
}

ino_t inode_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

class Sockets : public testing::Test {
protected:
    PassedSockets open(const config::Service& service) {
        auto opened = sockets_.open(id, service);
        EXPECT_TRUE(opened) << opened.error().detail;
        return opened ? std::move(*opened) : PassedSockets{};
    }
    static std::vector<UniqueFd> nothing() { return {}; }
    // "keep NAME INODE" and "drop NAME", as systemd was told since the last call.
    std::vector<std::string> stored() {
        std::vector<std::string> told;
        for (const auto& message : systemd_.heard()) {
            const std::string name = message.text.substr(message.text.find("FDNAME=") + 7);
            if (message.text.starts_with("FDSTOREREMOVE=1")) told.push_back("drop " + name);
            for (const UniqueFd& fd : message.descriptors)
                told.push_back("keep " + name + " " + std::to_string(inode_of(fd.get())));
        }
        return told;
    }
    static std::string name_of(const config::Socket& socket) {
        std::ostringstream name;
        name << "service/web/" << std::hex << fnv1a(config::address_of(socket));
        return name.str();
    }
    static std::string kept(const PassedSocket& one) {
        return "keep " + name_of(one.socket) + " " + std::to_string(inode_of(one.fd->get()));
    }
    static std::string dropped(const config::Socket& socket) { return "drop " + name_of(socket); }

    test::NotifyReceiver systemd_;
    TemporaryFolder folder_;
    DescriptorStore store_ = DescriptorStore::inherit();
    ServiceSockets sockets_{store_};
};

TEST_F(Sockets, AreTheSameForTheNextInstance) {
    const std::uint16_t port = test::free_port();
    const config::Service service = listening({tcp(port), at(folder_.file("s"))});
    const PassedSockets first = open(service);
    ASSERT_EQ(first.size(), 2U);
    EXPECT_TRUE(listens_at(first[0].fd->get(), tcp(port)));
    EXPECT_TRUE(listens_at(first[1].fd->get(), at(folder_.file("s"))));
    EXPECT_THAT(stored(), ElementsAre(kept(first[0]), kept(first[1])));
    const PassedSockets second = open(service);
    EXPECT_EQ(second[0].fd, first[0].fd);
    EXPECT_EQ(second[1].fd, first[1].fd);
    EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(Sockets, DoNotBlockForTheNextInstanceBecauseTheLastOneSaidSo) {
    const config::Service service = listening({tcp(test::free_port())});
    const int fd = open(service)[0].fd->get();
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    static_cast<void>(open(service));
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(Sockets, ChangeOneByOne) {
    const std::uint16_t port = test::free_port();
    const int stays = open(listening({tcp(port), at(folder_.file("old"))}))[0].fd->get();
    static_cast<void>(stored());
    const PassedSockets now = open(listening({at(folder_.file("new")), tcp(port)}));
    EXPECT_EQ(now[1].fd->get(), stays);
    EXPECT_TRUE(std::filesystem::exists(folder_.file("new")));
    EXPECT_FALSE(std::filesystem::exists(folder_.file("old")));
    EXPECT_THAT(stored(), ElementsAre(dropped(at(folder_.file("old"))), kept(now[0])))
        << "what stays is left alone";
}

TEST_F(Sockets, AreClosedAndTheirFilesRemoved) {
    const std::uint16_t port = test::free_port();
    static_cast<void>(open(listening({tcp(port), at(folder_.file("s"))})));
    static_cast<void>(stored());
    sockets_.close(id);
    EXPECT_FALSE(test::accepts(port));
    EXPECT_FALSE(std::filesystem::exists(folder_.file("s")));
    EXPECT_THAT(stored(), ElementsAre(dropped(tcp(port)), dropped(at(folder_.file("s")))));
    sockets_.close(id);
    EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(Sockets, LeaveAFileAtWhichAServiceListens) {
    const PassedSockets theirs = open(listening({at(folder_.file("s"))}));
    sockets_.close(id);
    EXPECT_FALSE(sockets_.cleared_up());
    int tries = 1;
    while (!sockets_.clear_up_again()) ++tries;
    EXPECT_GT(tries, 1);
    EXPECT_TRUE(std::filesystem::exists(folder_.file("s")));
}

// As a child has until its exec, and systemd until it has read that it need not keep it.
TEST_F(Sockets, RemoveAFileOnceTheLastCopyIsClosed) {
    PassedSockets copies = open(listening({at(folder_.file("s"))}));
    sockets_.close(id);
    EXPECT_FALSE(sockets_.clear_up_again());
    copies.clear();
    static_cast<void>(stored());
    EXPECT_TRUE(sockets_.clear_up_again());
    EXPECT_FALSE(std::filesystem::exists(folder_.file("s")));
}

TEST_F(Sockets, AreOpenedAnewWhereTheirFileIsGone) {
    const config::Service service = listening({at(folder_.file("s"))});
    static_cast<void>(open(service));
    std::filesystem::remove(folder_.file("s"));
    static_cast<void>(open(service));
    EXPECT_TRUE(std::filesystem::exists(folder_.file("s")));
}

TEST_F(Sockets, HoldTheOthersWhereOneCannotBeOpened) {
    const std::uint16_t port = test::free_port();
    const config::Service service = listening({tcp(port), at(folder_.file("missing/s"))});
    const auto opened = sockets_.open(id, service);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().detail, HasSubstr("missing/s"));
    EXPECT_TRUE(test::accepts(port));
    std::filesystem::create_directory(folder_.file("missing"));
    EXPECT_EQ(open(service).size(), 2U);
}

TEST_F(Sockets, OfAServiceThatHasNoneAreNone) {
    EXPECT_THAT(open(listening({})), IsEmpty());
    EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(Sockets, AreTakenOverFromTheProcess) {
    const std::uint16_t port = test::free_port();
    const config::Socket unix_socket = at(folder_.file("s"));
    auto tcp_fd = open_listening(tcp(port));
    auto other_fd = open_listening(at(folder_.file("other")));
    ASSERT_TRUE(tcp_fd && other_fd);
    const int number = tcp_fd->get();
    const auto from_process = [&] {
        std::vector<UniqueFd> found;
        found.push_back(std::move(*other_fd));
        found.push_back(std::move(*tcp_fd));
        return found;
    };
    const config::Service service = listening({unix_socket, tcp(port)});
    EXPECT_THAT(sockets_.adopt(id, service, from_process), ElementsAre("unix://" + folder_.file("s")));
    EXPECT_EQ(open(service)[1].fd->get(), number);
}

// As a new daemon finds them, in systemd's store or over a re-exec.
TEST_F(Sockets, ArePassedToTheNextDaemon) {
    const std::uint16_t port = test::free_port();
    const auto listener = open_listening(tcp(port));
    const auto stranger = open_listening(at(folder_.file("stranger")));
    ASSERT_TRUE(listener && stranger);
    const ino_t inode = inode_of(listener->get());
    const int code =
        test::with_passed({{name_of(at("/elsewhere")), stranger->get()},
                           {name_of(tcp(port)), listener->get()},
                           {"service/gone/1", stranger->get()},
                           {"control", stranger->get()}},
                          [&] {
                              DescriptorStore store = DescriptorStore::inherit();
                              ServiceSockets sockets(store);
                              const auto opened = sockets.open(id, listening({tcp(port)}));
                              if (!opened || inode_of(opened->at(0).fd->get()) != inode) return 1;
                              sockets.end_adoption();
                              return store.waiting() == std::vector<std::string>{"control"} ? 0 : 2;
                          });
    EXPECT_EQ(code, 0);
    EXPECT_THAT(stored(), ElementsAre("keep " + name_of(tcp(port)) + " " + std::to_string(inode),
                                      dropped(at("/elsewhere")), "drop service/gone/1"))
        << "it has been in the store all the time";
}

TEST_F(Sockets, AreTakenUnderTheNameThatAllOfAServiceOnceHad) {
    const std::uint16_t port = test::free_port();
    const auto listener = open_listening(tcp(port));
    ASSERT_TRUE(listener);
    const ino_t inode = inode_of(listener->get());
    const int code = test::with_passed({{"service/web", listener->get()}}, [&] {
        DescriptorStore store = DescriptorStore::inherit();
        ServiceSockets sockets(store);
        const auto opened = sockets.open(id, listening({tcp(port)}));
        return opened && inode_of(opened->at(0).fd->get()) == inode ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
    EXPECT_THAT(stored(),
                ElementsAre("drop service/web", "keep " + name_of(tcp(port)) + " " + std::to_string(inode)));
}

// It is named so, and listens elsewhere.
TEST_F(Sockets, AreNotBelievedToBeWhatTheyAreCalled) {
    const std::uint16_t port = test::free_port();
    const auto stranger = open_listening(at(folder_.file("stranger")));
    ASSERT_TRUE(stranger);
    const int code = test::with_passed({{name_of(tcp(port)), stranger->get()}}, [&] {
        DescriptorStore store = DescriptorStore::inherit();
        ServiceSockets sockets(store);
        const auto opened = sockets.open(id, listening({tcp(port)}));
        return opened && listens_at(opened->at(0).fd->get(), tcp(port)) ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
    EXPECT_THAT(stored(), ElementsAre(dropped(tcp(port)), testing::StartsWith("keep " + name_of(tcp(port)))));
}

TEST_F(Sockets, ArePassedAndNotLookedForInTheProcess) {
    const std::uint16_t port = test::free_port();
    const auto listener = open_listening(tcp(port));
    ASSERT_TRUE(listener);
    const int code = test::with_passed({{name_of(tcp(port)), listener->get()}}, [&] {
        DescriptorStore store = DescriptorStore::inherit();
        ServiceSockets sockets(store);
        bool asked = false;
        const auto from_process = [&] {
            asked = true;
            return std::vector<UniqueFd>{};
        };
        return sockets.adopt(id, listening({tcp(port)}), from_process).empty() && !asked ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace dpsup::io
