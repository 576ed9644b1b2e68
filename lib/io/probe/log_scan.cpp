#include "io/probe/log_scan.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "io/probe/verdict.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {
namespace {

constexpr std::uint64_t bytes_max = 4 * 1024 * 1024;  // matched in one look, before others have their turn
constexpr std::uint32_t too_costly_max = 8;           // lines on which the pattern gave up, in one look
constexpr std::size_t chunk = 64 * 1024;
constexpr std::size_t before_max = 32;

class File {
public:
    explicit File(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), error_(fd_ ? 0 : errno) {
        if (fd_ && (::fstat(fd_.get(), &status_) != 0 || !S_ISREG(status_.st_mode))) error_ = EINVAL;
    }

    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] ino_t inode() const { return status_.st_ino; }
    [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(status_.st_size); }

    [[nodiscard]] std::string read(std::uint64_t offset, std::size_t count) const {
        std::string data(count, '\0');
        const auto got = ::pread(fd_.get(), data.data(), count, static_cast<off_t>(offset));
        data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return data;
    }

private:
    UniqueFd fd_;
    int error_;
    struct stat status_{};
};

// Whether the bytes that the last look ended with are still where they were.
bool continues(const File& file, const FileCursor& cursor) {
    if (file.size() < cursor.offset) return false;
    return file.read(cursor.offset - cursor.before.size(), cursor.before.size()) == cursor.before;
}

// Takes the complete lines of `data` in; gives the number of bytes that need not be read again.
std::size_t take_lines(FileCursor& cursor, LineMatcher& matcher, std::string_view data) {
    std::size_t taken = 0;
    while (true) {
        const auto end = data.find('\n', taken);
        if (end == std::string_view::npos) break;
        const auto line = data.substr(taken, end - taken);
        taken = end + 1;
        const bool rest_of_long_line = std::exchange(cursor.in_long_line, false);
        if (!rest_of_long_line && matcher.take(line)) return taken;
    }
    if (taken > 0 || data.size() < chunk) return taken;
    if (!std::exchange(cursor.in_long_line, true)) matcher.take(data);
    return data.size();
}

// Reads on from the cursor to the end, or until the matcher has matched or had enough. False: there is more.
bool read_on(const File& file, FileCursor& cursor, LineMatcher& matcher) {
    while (true) {
        const std::string data = cursor.begun + file.read(cursor.offset, chunk);
        const std::size_t taken = take_lines(cursor, matcher, data);
        if (taken == 0) return true;
        const std::size_t begun = std::exchange(cursor.begun, {}).size();
        const std::string tail = cursor.before + data.substr(begun, taken - begun);
        cursor.before = tail.substr(tail.size() - std::min(tail.size(), before_max));
        cursor.offset += taken - begun;
        if (matcher.tired()) return false;
    }
}

void go_to(FileCursor& cursor, std::uint64_t offset) {
    cursor.offset = offset;
    const std::size_t kept = std::min<std::uint64_t>(cursor.before.size(), offset);
    cursor.before = cursor.before.substr(cursor.before.size() - kept);
}

// After a rotation: reads what is left of the rotated copy, and finds where the file goes on. False: there is more.
//
// The copy may end, and the file begin, in the middle of a line; and where the front of the file was cut off, the file
// may begin with what was already read, behind the end of the copy.
bool catch_up(const File& file, FileCursor& cursor, LineMatcher& matcher) {
    const File copy(cursor.path + ".1");
    // By its length alone it may be older than what this instance writes.
    const bool known = cursor.offset == 0 || !cursor.before.empty();
    if (copy.error() == 0 && known && continues(copy, cursor)) {
        if (!read_on(copy, cursor, matcher)) return false;
        if (cursor.begun.empty()) cursor.begun = copy.read(cursor.offset, chunk);
        go_to(cursor, 0);
        return true;
    }
    FileCursor moved = cursor;
    if (copy.error() == 0 && copy.size() < cursor.offset) {
        go_to(moved, cursor.offset - copy.size());
        if (!moved.before.empty() && continues(file, moved)) {
            cursor = moved;
            return true;
        }
    }
    cursor.begun.clear();
    cursor.in_long_line = false;
    go_to(cursor, 0);
    return true;
}

}  // namespace

bool LineMatcher::take(std::string_view line) {
    if (matched_) return true;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = line.substr(0, line_max);
    bytes_ += line.size() + 1;
    switch (pattern_.search(line)) {
        case Pattern::Match::yes:
            matched_ = true;
            line_ = line.substr(0, 200);
            break;
        case Pattern::Match::too_costly:
            ++too_costly_;
            break;
        case Pattern::Match::no:
            break;
    }
    return matched_;
}

bool LineMatcher::tired() const {
    return matched_ || bytes_ >= bytes_max || too_costly_ >= too_costly_max;
}

LogProgress LineMatcher::progress(bool behind) const {
    LogProgress progress;
    progress.matched = matched_;
    progress.behind = behind && !matched_;
    progress.line = line_;
    if (too_costly_ >= too_costly_max)
        progress.problem =
            "the pattern takes too long on the lines of this log; write it with fewer repetitions";
    return progress;
}

LogProgress scan_file(FileCursor& cursor, const Pattern& pattern) {
    LineMatcher matcher(pattern);
    const File file(cursor.path);
    if (file.error() == ENOENT) return matcher.progress(false);  // nothing was written yet
    if (file.error() != 0) {
        LogProgress progress;
        progress.problem = "cannot read " + cursor.path + ": " + errno_text(file.error());
        return progress;
    }
    const bool another = cursor.inode != 0 && cursor.inode != file.inode();
    if ((another || !continues(file, cursor)) && !catch_up(file, cursor, matcher))
        return matcher.progress(true);
    cursor.inode = file.inode();
    return matcher.progress(!read_on(file, cursor, matcher));
}

}  // namespace dpsup::io
