// The test program is also the service that some of its tests launch: with --notify it speaks sd_notify.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

void send(const std::string& path, std::string text, int descriptors = 0) {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    iovec part{text.data(), text.size()};
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = sizeof address;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(16 * sizeof(int))> control{};
    if (descriptors > 0) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(static_cast<std::size_t>(descriptors) * sizeof(int));
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(static_cast<std::size_t>(descriptors) * sizeof(int));
        for (int i = 0; i < descriptors; ++i) {
            const int zero = 0;
            std::memcpy(CMSG_DATA(rights) + static_cast<std::size_t>(i) * sizeof zero, &zero, sizeof zero);
        }
    }
    ::sendmsg(fd, &header, 0);
    ::close(fd);
}

// Forks a child that lives on, and says that it is the main process.
void name_child(const std::string& path, const std::string& text) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    send(path, text + "\nMAINPID=" + std::to_string(child));
}

// Forks a child that ends, and names it, which nobody has waited for.
void name_dead_child(const std::string& path, const std::string& text) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    send(path, text + "\nMAINPID=" + std::to_string(child));
}

int notify(int count, char** arguments) {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    if (socket == nullptr) return 3;
    std::string path = socket;
    for (int i = 0; i < count; ++i) {
        const std::string word = arguments[i];
        if (word.starts_with('@')) {
            path = word.substr(1);
        } else if (word == "--fork-and-go-on") {
            name_child(path, arguments[++i]);
        } else if (word == "--fork" || word == "--fork-and-stay") {
            name_child(path, arguments[i + 1]);
            if (word == "--fork") return 0;
            while (::wait(nullptr) > 0) {
            }
            break;
        } else if (word == "--fork-dead") {
            name_dead_child(path, arguments[++i]);
        } else if (word == "--descriptors") {
            send(path, arguments[++i], 16);
        } else if (word == "--flood") {
            for (;;) send(path, "STATUS=flood");
        } else {
            send(path, word);
        }
    }
    for (;;) ::pause();
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::strcmp(arguments[1], "--notify") == 0) return notify(count - 2, arguments + 2);
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
