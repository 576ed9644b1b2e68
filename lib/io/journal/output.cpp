#include "io/journal/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/journal/journal_stream.hpp"

namespace dpsup::io {
namespace {

using Target = config::LogConfig::Target;

constexpr std::uint64_t tail_max = 32;

tl::unexpected<OutputError> output_failed(int error, std::string detail) {
    return tl::unexpected<OutputError>(OutputError{error, std::move(detail)});
}

// What someone else put there under our name, a FIFO or a link, is not opened: it could block us or lead
// elsewhere.
tl::expected<Output, OutputError> open_file(const std::string& path, const std::string& directory) {
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;
    Output output;
    output.path = path;
    int fd = ::open(path.c_str(), flags, 0640);
    if (fd < 0 && errno == ENOENT && ::mkdir(directory.c_str(), 0755) == 0)
        fd = ::open(path.c_str(), flags, 0640);
    struct stat info{};
    const int error = fd < 0 || ::fstat(fd, &info) != 0 ? errno : 0;
    output.fd.reset(fd);
    if (error != 0) return output_failed(error, path + " (below [daemon] log_dir)");
    if (!S_ISREG(info.st_mode)) return output_failed(EINVAL, path + " is not a regular file");
    output.begin.size = static_cast<std::uint64_t>(info.st_size);
    output.begin.tail = log_tail(path, output.begin.size);
    const int file_flags = ::fcntl(output.fd.get(), F_GETFL);
    ::fcntl(output.fd.get(), F_SETFL, file_flags & ~O_NONBLOCK);
    return output;
}

}  // namespace

Target resolve_target(const config::LogConfig& log, const OutputPaths& paths) {
    if (log.target != Target::automatic) return log.target;
    struct stat info{};
    const bool journal = ::stat(paths.journal_socket.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
    return journal ? Target::journal : Target::file;
}

std::string log_file_of(const std::string& service, const OutputPaths& paths) {
    return paths.log_dir + "/" + service + ".log";
}

std::string log_tail(const std::string& path, std::uint64_t size) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
    std::string tail(std::min<std::uint64_t>(size, tail_max), '\0');
    const ssize_t got =
        !fd ? -1 : ::pread(fd.get(), tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
    if (got != static_cast<ssize_t>(tail.size())) tail.clear();
    return tail;
}

tl::expected<Output, OutputError> open_output(const std::string& service, const config::LogConfig& log,
                                              const OutputPaths& paths) {
    Output output;
    switch (resolve_target(log, paths)) {
        case Target::automatic:
        case Target::file:
            return open_file(log_file_of(service, paths), paths.log_dir);
        case Target::journal:
            output.fd = open_journal_stream(paths.journal_socket, service, paths.journal_unit);
            output.journal = true;
            if (!output.fd) return output_failed(errno, "the journal at " + paths.journal_socket);
            return output;
        case Target::none:
            output.fd.reset(::open("/dev/null", O_WRONLY | O_CLOEXEC));
            if (!output.fd) return output_failed(errno, "/dev/null");
            return output;
    }
    return output;
}

}  // namespace dpsup::io
