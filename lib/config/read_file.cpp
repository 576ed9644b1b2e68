#include "config/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/units.hpp"

namespace dpsup::config {
namespace {

class Descriptor {
public:
    // O_NONBLOCK: opening a pipe that nobody writes to would wait.
    explicit Descriptor(const std::string& path)
        : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

tl::unexpected<Error> failed(const std::string& what) {
    const char* code = errno == ENOENT ? "missing" : errno == EACCES ? "not_allowed" : "unreadable";
    return fail(code, what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t size_max) {
    const Descriptor file(path);
    if (file.get() < 0) return failed("cannot be opened");
    struct stat about{};
    if (fstat(file.get(), &about) != 0) return failed("cannot be read");
    if (S_ISDIR(about.st_mode)) return fail("directory", "is a directory");
    if (!S_ISREG(about.st_mode)) return fail("not_a_file", "is no regular file");
    std::string text;
    std::array<char, 65536> buffer{};
    while (true) {
        const ssize_t count = read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed("cannot be read");
        if (count == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(count));
        if (text.size() > size_max) return fail("too_large", "is larger than " + format_size(size_max));
    }
}

}  // namespace dpsup::config
