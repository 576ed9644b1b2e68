#include "fake_store.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace dpsup::test {
namespace {

constexpr int first_passed = 3;
constexpr int out_of_the_way = 1000;

std::vector<int> descriptors_in(msghdr& header) {
    std::vector<int> descriptors;
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
        if (one->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= one->cmsg_len; at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, reinterpret_cast<const char*>(one) + at, sizeof fd);
            descriptors.push_back(fd);
        }
    }
    return descriptors;
}

ino_t inode_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

std::string name_in(const std::string& text) {
    const std::string key = "\nFDNAME=";
    const auto at = text.find(key);
    return at == std::string::npos ? "" : text.substr(at + key.size());
}

}  // namespace

FakeStore::FakeStore(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    (void)::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    receiver_ = std::jthread([this] { receive(); });
}

FakeStore::~FakeStore() {
    ::shutdown(fd_, SHUT_RDWR);  // wakes the receiver
    receiver_.join();
    ::close(fd_);
    for (const auto& [name, fd] : kept_) ::close(fd);
}

void FakeStore::receive() {
    for (;;) {
        std::array<char, 4096> text{};
        alignas(cmsghdr) std::array<char, 256> control{};
        iovec part{text.data(), text.size()};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(fd_, &header, MSG_CMSG_CLOEXEC);
        if (size <= 0) return;
        take(std::string(text.data(), static_cast<std::size_t>(size)), descriptors_in(header));
    }
}

void FakeStore::take(const std::string& text, const std::vector<int>& descriptors) {
    const std::scoped_lock locked(mutex_);
    for (const int fd : descriptors) {
        if (text.starts_with("FDSTORE=1") && !has(fd))
            kept_.emplace_back(name_in(text), fd);
        else
            ::close(fd);
    }
    if (!text.starts_with("FDSTOREREMOVE=1")) return;
    std::erase_if(kept_, [name = name_in(text)](const auto& one) {
        if (one.first != name) return false;
        ::close(one.second);
        return true;
    });
}

// As systemd does: what it has already it does not take again, under whatever name.
bool FakeStore::has(int fd) const {
    return std::ranges::any_of(kept_, [fd](const auto& one) { return inode_of(one.second) == inode_of(fd); });
}

std::vector<std::string> FakeStore::names() const {
    const std::scoped_lock locked(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, fd] : kept_) names.push_back(name);
    std::ranges::sort(names);
    return names;
}

// The lock is not taken: in this process there is no receiver, and the daemon before is gone.
bool FakeStore::pass() const {
    std::vector<int> copies;
    for (const auto& [name, fd] : kept_) copies.push_back(::fcntl(fd, F_DUPFD, out_of_the_way));
    std::string names;
    for (std::size_t i = 0; i < copies.size(); ++i) {
        if (::dup2(copies[i], first_passed + static_cast<int>(i)) < 0) return false;
        ::close(copies[i]);
        names += (i == 0 ? "" : ":") + kept_[i].first;
    }
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(copies.size()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
    return true;
}

}  // namespace dpsup::test
