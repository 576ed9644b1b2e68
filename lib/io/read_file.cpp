#include "io/read_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "io/unique_fd.hpp"

namespace dpsup::io {

int read_file(const std::string& path, std::size_t most, std::string& text) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not hold us up
    if (!fd) return errno;
    std::array<char, 8192> buffer{};
    while (text.size() < most) {
        const auto count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return 0;
}

std::string read_file(const std::string& path, std::size_t most) {
    std::string text;
    static_cast<void>(read_file(path, most, text));
    return text;
}

}  // namespace dpsup::io
