#include "io/state/state_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "io/state/state_codec.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t state_size_max = 64U << 20U;

tl::unexpected<Error> failed(const std::string& what, const std::string& path, int error) {
    return fail("state_not_saved", what + " " + path + ": " + std::strerror(error),
                error == ENOSPC || error == EDQUOT ? "free some space there" : "");
}

Result<void> make_directories(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        const bool last = end == std::string::npos;
        if (::mkdir(part.c_str(), last ? 0700 : 0755) != 0 && errno != EEXIST)
            return failed("create", part, errno);
        if (last) return {};
    }
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(fd) != 0) return failed("sync", path, errno);
    return {};
}

std::string read_holder(int fd) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "unknown";
}

}  // namespace

Result<StateStore> StateStore::open(const std::string& directory) {
    if (Result<void> made = make_directories(directory); !made) return tl::unexpected(made.error());
    const std::string path = directory + "/lock";
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) return failed("open", path, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(
            "already_running",
            "another dpsupd (pid " + read_holder(lock.get()) + ") uses the state directory " + directory,
            "use that one, or give this one paths of its own in [daemon]");
    // For the message above only; a full disk must not keep the daemon from starting.
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
    return StateStore(directory, std::move(lock));
}

Result<Remembered> StateStore::load() const {
    const std::string path = directory_ + "/state.json";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return Remembered{};
    if (!file) return fail("state_unreadable", "open " + path + ": " + std::strerror(errno));
    std::string text;
    std::array<char, 65536> chunk{};
    while (true) {
        const ssize_t size = ::read(file.get(), chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail("state_unreadable", "read " + path + ": " + std::strerror(errno));
        if (size == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(size));
        if (text.size() > state_size_max) return fail("state_damaged", path + " is larger than any state");
    }
    return decode_state(text, path);
}

Result<void> StateStore::save(const Remembered& remembered) const {
    const std::string path = directory_ + "/state.json";
    const std::string fresh = path + ".new";
    UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return failed("open", fresh, errno);
    if (Result<void> written = write_all(file.get(), encode_state(remembered), fresh); !written)
        return written;
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("replace", path, errno);
    const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return failed("sync", directory_, errno);
    return {};
}

}  // namespace dpsup::io
