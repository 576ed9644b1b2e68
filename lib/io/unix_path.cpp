#include "io/unix_path.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

namespace dpsup::io {
namespace {

constexpr std::chrono::milliseconds look_every{20};

AtPath who_listens(const sockaddr_un& address) {
    using What = AtPath::What;
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return {What::unclear, 0, errno};
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        ucred peer{};
        socklen_t size = sizeof peer;
        if (::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) peer.pid = 0;
        return {What::answers, peer.pid, 0};
    }
    if (errno == ECONNREFUSED) return {What::stale, 0, 0};
    if (errno == ENOENT) return {What::nothing, 0, 0};
    return {errno == EAGAIN ? What::answers : What::unclear, 0, errno};
}

bool is_dead(const AtPath& found) {
    return found.what == AtPath::What::answers && found.listener > 0 && ::kill(found.listener, 0) != 0 &&
           errno == ESRCH;
}

}  // namespace

std::optional<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

tl::expected<UniqueFd, int> lock_folder(const std::string& folder, Duration patience) {
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return tl::unexpected(errno);
    for (Duration waited{}; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; waited += look_every) {
        if (errno != EWOULDBLOCK && errno != EINTR) return tl::unexpected(errno);
        if (waited >= patience) return tl::unexpected(EWOULDBLOCK);
        std::this_thread::sleep_for(look_every);
    }
    return fd;
}

AtPath look_at_socket(const std::string& path, Duration patience) {
    using What = AtPath::What;
    const auto address = unix_address(path);
    if (!address) return {What::unclear, 0, ENAMETOOLONG};
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0)
        return errno == ENOENT ? AtPath{What::nothing, 0, 0} : AtPath{What::unclear, 0, errno};
    if (!S_ISSOCK(status.st_mode)) return {What::no_socket, 0, 0};
    AtPath found = who_listens(*address);
    for (Duration waited{}; is_dead(found) && waited < patience; waited += look_every) {
        std::this_thread::sleep_for(look_every);
        found = who_listens(*address);
    }
    return found;
}

}  // namespace dpsup::io
