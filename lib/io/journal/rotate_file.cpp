#include "io/journal/rotate_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t chunk = 1024 * 1024;

std::string numbered(const std::string& path, std::uint32_t number) {
    return path + "." + std::to_string(number);
}

// Frees path.1 by moving each old file one further; the oldest goes.
void shift(const std::string& path, std::uint32_t keep) {
    ::unlink(numbered(path, keep).c_str());
    for (std::uint32_t number = keep; number > 1; --number)
        ::rename(numbered(path, number - 1).c_str(), numbered(path, number).c_str());
}

// 0, or the errno; `at` advances.
int copy_by_hand(int from, int to, std::uint64_t& at, std::uint64_t end) {
    std::array<char, 64 * 1024> buffer;
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end - at);
    const auto count = ::pread(from, buffer.data(), wanted, static_cast<off_t>(at));
    if (count <= 0) return count < 0 ? errno : ENODATA;
    for (ssize_t written = 0; written < count;) {
        const auto more = ::write(to, buffer.data() + written, static_cast<std::size_t>(count - written));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return errno;
        written += more;
    }
    at += static_cast<std::uint64_t>(count);
    return 0;
}

// Lets the kernel copy, or share the blocks, where it can.
int copy_range(int from, int to, std::uint64_t& at, std::uint64_t end, const std::atomic<bool>& cancelled) {
    bool by_kernel = true;
    while (at < end) {
        if (cancelled) return ECANCELED;
        if (by_kernel) {
            auto offset = static_cast<off64_t>(at);
            const auto count =
                ::copy_file_range(from, &offset, to, nullptr, std::min<std::uint64_t>(chunk, end - at), 0);
            if (count > 0) {
                at += static_cast<std::uint64_t>(count);
                continue;
            }
            if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return errno;
            by_kernel = false;
        }
        if (const int error = copy_by_hand(from, to, at, end); error != 0) return error;
    }
    return 0;
}

std::uint64_t size_of(int fd) {
    struct stat info{};
    return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

// Takes `length` bytes off the front. The kernel only does that in whole blocks, and never to the very end.
bool cut_front(int fd, std::uint64_t length) {
    return length != 0 && length < size_of(fd) &&
           ::fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, static_cast<off_t>(length)) == 0;
}

std::uint64_t block_of(int fd) {
    struct stat info{};
    return ::fstat(fd, &info) == 0 && info.st_blksize > 0 ? static_cast<std::uint64_t>(info.st_blksize)
                                                          : 4096;
}

// How much of the file is to go: whole blocks, without the last bytes, which the cut must leave.
std::uint64_t whole_blocks(int fd) {
    const std::uint64_t size = size_of(fd);
    return size == 0 ? 0 : (size - 1) / block_of(fd) * block_of(fd);
}

// Where the copy of the front begins; what was left out before it is told in the copy.
std::uint64_t leave_out(int to, std::uint64_t length, std::uint64_t most) {
    if (length <= most) return 0;
    const std::uint64_t out = length - most;
    const std::string line = "[dpsupd left " + std::to_string(out) + " bytes of a flood out here]\n";
    // Where even this cannot be written, the copy that follows fails too, and tells.
    static_cast<void>(!::write(to, line.data(), line.size()));
    return out;
}

int copy_front(int from, const std::string& target, std::uint64_t length, std::uint64_t most,
               std::uint64_t& copied, UniqueFd& to, const std::atomic<bool>& cancelled) {
    struct stat info{};
    ::fstat(from, &info);
    to.reset(
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, info.st_mode & 0777));
    if (!to) return errno;
    copied = leave_out(to.get(), length, most);
    return copy_range(from, to.get(), copied, length, cancelled);
}

std::string failure(const std::string& path, const std::string& target, int error) {
    return "copying " + path + " to " + target + ": " + std::strerror(error) +
           "; the file was cut all the same, to stay within its bound";
}

}  // namespace

RotateResult rotate_file(const std::string& path, std::uint64_t most, std::uint32_t keep,
                         const std::atomic<bool>& cancelled) {
    RotateResult result;
    const UniqueFd from(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!from) return result.error = "opening " + path + ": " + std::strerror(errno), result;
    const std::uint64_t length = whole_blocks(from.get());
    const std::string target = numbered(path, 1);
    UniqueFd to;
    int error = 0;
    if (keep != 0) {
        shift(path, keep);
        error = copy_front(from.get(), target, length, most, result.copied, to, cancelled);
    }
    if (error == ECANCELED) return result;
    if (error != 0) result.error = failure(path, target, error);
    result.exact = cut_front(from.get(), length);
    if (result.exact) return result;
    if (keep != 0 && error == 0) {
        // What came meanwhile is copied too, as far as one can.
        error = copy_range(from.get(), to.get(), result.copied, size_of(from.get()), cancelled);
        if (error != 0 && error != ENODATA) result.error = failure(path, target, error);
    }
    if (::ftruncate(from.get(), 0) != 0) result.error = "emptying " + path + ": " + std::strerror(errno);
    return result;
}

}  // namespace dpsup::io
