#include "io/state/state_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "io/state/directory_lock.hpp"
#include "io/state/record_file.hpp"
#include "io/state/state_codec.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t state_size_max = 64U << 20U;

constexpr const char* error_code = "state_not_saved";

tl::unexpected<Error> failed(const std::string& what, const std::string& path, int error) {
    return file_failed(error_code, what, path, error);
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

tl::unexpected<Error> too_large(const std::string& path) {
    return fail(
        "state_damaged", path + " is larger than 64 MiB, which no state is",
        "put back the file as it was, or remove it: services are then as configured, and jobs run again");
}

}  // namespace

Result<StateStore> StateStore::open(const std::string& directory, UniqueFd held) {
    if (Result<void> made = make_directories(directory); !made) return tl::unexpected(made.error());
    Result<UniqueFd> lock = lock_directory(directory, "lock", "state directory", std::move(held));
    if (!lock) return tl::unexpected(lock.error());
    return StateStore(directory, std::move(*lock));
}

Result<void> StateStore::check(const std::string& directory) {
    const Result<Remembered> loaded = StateStore(directory, UniqueFd()).load();
    if (!loaded) return tl::unexpected(loaded.error());
    return {};
}

Result<Remembered> StateStore::load() const {
    const std::string path = directory_ + "/state.json";
    const UniqueFd file(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not hold us up
    if (!file && errno == ENOENT) return Remembered{};
    struct stat info{};
    if (!file || ::fstat(file.get(), &info) != 0)
        return fail("state_unreadable", "open " + path + ": " + std::strerror(errno));
    if (!S_ISREG(info.st_mode))
        return fail("state_unreadable", path + " is not a regular file",
                    "remove it, or put the state file back");
    if (static_cast<std::uint64_t>(info.st_size) > state_size_max) return too_large(path);
    std::string text;
    std::array<char, 65536> chunk{};
    while (true) {
        const ssize_t size = ::read(file.get(), chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail("state_unreadable", "read " + path + ": " + std::strerror(errno));
        if (size == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(size));
        if (text.size() > state_size_max) return too_large(path);
    }
    return decode_state(text, path);
}

Result<void> StateStore::save(const Remembered& remembered) const {
    const std::string path = directory_ + "/state.json";
    const std::string fresh = path + ".new";
    UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!file) return failed("open", fresh, errno);
    if (Result<void> written = write_all(file.get(), encode_state(remembered), fresh, error_code); !written)
        return written;
    if (::fsync(file.get()) != 0) return failed("sync", fresh, errno);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("replace", path, errno);
    const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return failed("sync", directory_, errno);
    return {};
}

}  // namespace dpsup::io
