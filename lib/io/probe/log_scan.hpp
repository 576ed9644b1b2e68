// Looks through a service's output for a line that matches, from where the last look ended. Runs on a
// worker's thread, since neither a disk nor the journal can be read without blocking; it holds no descriptor
// in between.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/pattern/pattern.hpp"
#include "io/probe/runner.hpp"

namespace dpsup::io {

// What one look amounted to.
struct LogProgress {
    bool matched = false;
    bool behind = false;  // there is more to read: look again at once
    std::string line;     // matched: which
    std::string problem;  // the output could not be read, or the pattern takes too long on it
};

// Where the look stands in a file. The file may be truncated, renamed or replaced at any time; what was
// behind the end of the last look in its rotated copy (PATH.1) is read first.
struct FileCursor {
    std::string path;
    std::uint64_t offset = 0;
    ino_t inode = 0;     // 0: not seen yet
    std::string before;  // the last bytes before `offset`: shows a file that was truncated and grew again
    std::string begun;   // the beginning of a line, in the rotated copy; its end comes at `offset`
    bool in_long_line = false;
};

// Where it stands in the journal.
struct JournalCursor {
    JournalOutput output;
    std::string cursor;  // of the last entry seen; empty: none yet
};

// Matches lines, and bounds how much of that is done in one look.
class LineMatcher {
public:
    explicit LineMatcher(const Pattern& pattern) : pattern_(pattern) {}

    static constexpr std::size_t line_max = 8 * 1024;  // only this much of a line is looked at

    // True once a line has matched.
    bool take(std::string_view line);

    // True when this look has done its share.
    [[nodiscard]] bool tired() const;

    [[nodiscard]] LogProgress progress(bool behind) const;

private:
    const Pattern& pattern_;
    std::uint64_t bytes_ = 0;
    std::uint32_t too_costly_ = 0;
    std::string line_;
    bool matched_ = false;
};

[[nodiscard]] LogProgress scan_file(FileCursor& cursor, const Pattern& pattern);
[[nodiscard]] LogProgress scan_journal(JournalCursor& cursor, const Pattern& pattern);

}  // namespace dpsup::io
