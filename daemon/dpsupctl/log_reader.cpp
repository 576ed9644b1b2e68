#include "dpsupctl/log_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dpsupctl/journal.hpp"

namespace dpsup::ctl {
namespace {

constexpr std::size_t block = std::size_t{64} * 1024;
constexpr std::size_t read_max = std::size_t{4} * 1024 * 1024;  // a turn; the rest comes in the next
constexpr std::size_t line_max = std::size_t{1024} * 1024;      // a longer line is handed out in pieces

tl::unexpected<Error> cannot_read(const std::string& path) {
    if (errno == EACCES)
        return fail("not_allowed", "may not read " + path + ": " + std::strerror(errno), "use sudo");
    return fail("log_unreadable", "cannot read " + path + ": " + std::strerror(errno));
}

class File {
public:
    explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

off_t size_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? status.st_size : 0;
}

// The end of the file that holds at least `lines` whole lines, or all of it.
std::string end_of_file(int fd, off_t size, std::size_t lines) {
    std::string text;
    off_t from = size;
    while (from > 0 && static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) <= lines) {
        const auto length = std::min<off_t>(from, static_cast<off_t>(block));
        std::string part(static_cast<std::size_t>(length), '\0');
        const auto got = ::pread(fd, part.data(), part.size(), from - length);
        if (got <= 0) break;
        part.resize(static_cast<std::size_t>(got));
        text.insert(0, part);
        from -= length;
    }
    return text;
}

std::vector<std::string> whole_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0;;) {
        const auto end = text.find('\n', start);
        if (end == std::string::npos) return lines;
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
}

void keep_last(std::vector<std::string>& lines, std::size_t most) {
    if (lines.size() > most) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace

Result<Tail> tail_of(const std::string& path, std::size_t most) {
    Tail tail;
    const File file(path);
    if (file.fd() < 0 && errno != ENOENT) return cannot_read(path);
    if (file.fd() >= 0) {
        const off_t size = size_of(file.fd());
        const std::string text = end_of_file(file.fd(), size, most);
        const auto last = text.rfind('\n');
        const std::size_t partial = last == std::string::npos ? text.size() : text.size() - last - 1;
        tail.end = size - static_cast<off_t>(partial);
        tail.lines = whole_lines(text);
        keep_last(tail.lines, most);
    }
    for (int number = 1; tail.lines.size() < most; ++number) {
        const File before(path + "." + std::to_string(number));
        if (before.fd() < 0) return tail;
        auto older = whole_lines(end_of_file(before.fd(), size_of(before.fd()), most - tail.lines.size()));
        keep_last(older, most - tail.lines.size());
        tail.lines.insert(tail.lines.begin(), older.begin(), older.end());
    }
    return tail;
}

std::vector<std::string> last_lines(const LogView& log, std::size_t most) {
    if (log.kind == "journal") return last_journal_lines(log.identifier, log.unit, most);
    if (log.kind != "file") return {};
    auto tail = tail_of(log.path, most);
    return tail ? std::move(tail->lines) : std::vector<std::string>();
}

Follower::Follower(std::string path, off_t from) : path_(std::move(path)), position_(from) {}

Follower::Follower(Follower&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      identity_(other.identity_),
      position_(other.position_),
      landmark_(std::move(other.landmark_)),
      partial_(std::move(other.partial_)) {}

Follower::~Follower() {
    if (fd_ >= 0) ::close(fd_);
}

Result<void> Follower::open() {
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0 && errno == ENOENT) return {};  // nothing was written yet
    if (fd_ < 0) return cannot_read(path_);
    struct stat status{};
    if (::fstat(fd_, &status) == 0) identity_ = {status.st_dev, status.st_ino};
    landmark_ = before_position();
    return {};
}

std::string Follower::before_position() const {
    constexpr off_t landmark_size = 64;
    const off_t size = std::min(position_, landmark_size);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    const auto got = ::pread(fd_, bytes.data(), bytes.size(), position_ - size);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
}

// It shrank; or it shrank and has grown again since, so that other bytes stand where we were.
bool Follower::was_rotated() const {
    return size_of(fd_) < position_ || before_position() != landmark_;
}

void Follower::take(int fd, off_t& position, std::vector<std::string>& lines) {
    std::string text(block, '\0');
    for (std::size_t total = 0; total < read_max;) {
        const auto got = ::pread(fd, text.data(), text.size(), position);
        if (got <= 0) return;
        position += got;
        total += static_cast<std::size_t>(got);
        partial_.append(text, 0, static_cast<std::size_t>(got));
        auto whole = whole_lines(partial_);
        partial_.erase(0, partial_.rfind('\n') + 1);  // npos + 1 is 0
        lines.insert(lines.end(), std::make_move_iterator(whole.begin()),
                     std::make_move_iterator(whole.end()));
        if (partial_.size() > line_max) lines.push_back(std::exchange(partial_, {}));
    }
}

// path.1 begins with what this file began with: the same positions hold there, and what is left here comes
// after it.
void Follower::catch_up_with_rotation(std::vector<std::string>& lines) {
    const File before(path_ + ".1");
    const off_t moved = before.fd() < 0 ? 0 : size_of(before.fd());
    if (moved == 0) {
        position_ = 0;
        return;
    }
    off_t there = std::min(position_, moved);
    const off_t left = position_ - there;
    while (there < moved) {
        const off_t from = there;
        take(before.fd(), there, lines);
        if (there == from) break;
    }
    position_ = std::min(left, size_of(fd_));
}

Result<std::vector<std::string>> Follower::read_on() {
    std::vector<std::string> lines;
    if (fd_ < 0) {
        if (auto opened = open(); !opened) return tl::unexpected<Error>(std::move(opened.error()));
        if (fd_ < 0) return lines;
    }
    if (was_rotated()) catch_up_with_rotation(lines);
    take(fd_, position_, lines);
    landmark_ = before_position();
    struct stat now{};
    const bool replaced = ::stat(path_.c_str(), &now) == 0 && Identity{now.st_dev, now.st_ino} != identity_;
    if (replaced && position_ >= size_of(fd_)) {
        ::close(std::exchange(fd_, -1));
        position_ = 0;
        if (auto opened = open(); !opened) return tl::unexpected<Error>(std::move(opened.error()));
        if (fd_ >= 0) take(fd_, position_, lines);
        if (fd_ >= 0) landmark_ = before_position();
    }
    return lines;
}

}  // namespace dpsup::ctl
