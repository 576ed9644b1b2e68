#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>

#include "io/probe/log_scan.hpp"
#include "io/probe/verdict.hpp"

namespace dpsup::io {
namespace {

struct Close {
    void operator()(sd_journal* journal) const { sd_journal_close(journal); }
};

// Opening a journal means opening all its files. A worker's thread keeps it from one look to the next, and
// closes it when the thread ends for want of work; libsystemd wants each journal to stay with one thread.
struct OpenJournal {
    std::string directory;
    std::unique_ptr<sd_journal, Close> journal;
};

Result<sd_journal*> open_journal(const std::string& directory) {
    static thread_local OpenJournal open;
    if (open.journal && open.directory == directory) {
        sd_journal_process(open.journal.get());  // sees files that have come or gone since
        return open.journal.get();
    }
    sd_journal* journal = nullptr;
    const int error = directory.empty() ? sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY)
                                        : sd_journal_open_directory(&journal, directory.c_str(), 0);
    if (error < 0) return fail("journal", "cannot read the journal: " + errno_text(-error));
    open.directory = directory;
    open.journal.reset(journal);
    sd_journal_get_fd(journal);  // begins to watch for new files
    sd_journal_set_data_threshold(journal, LineMatcher::line_max);
    return journal;
}

// To the first entry that was not looked at yet. False: there is none.
bool go_to_start(sd_journal* journal, const JournalCursor& cursor) {
    sd_journal_flush_matches(journal);
    const std::string match = "SYSLOG_IDENTIFIER=" + cursor.output.identifier;
    sd_journal_add_match(journal, match.data(), match.size());
    if (!cursor.output.unit.empty()) {
        const std::string unit = "_SYSTEMD_UNIT=" + cursor.output.unit;
        sd_journal_add_match(journal, unit.data(), unit.size());
    }
    if (!cursor.cursor.empty()) {
        sd_journal_seek_cursor(journal, cursor.cursor.c_str());
        if (sd_journal_next(journal) <= 0) return false;
        if (sd_journal_test_cursor(journal, cursor.cursor.c_str()) <= 0) return true;
        return sd_journal_next(journal) > 0;
    }
    sd_id128_t boot;
    if (sd_id128_get_boot(&boot) < 0) return false;
    using Microseconds = std::chrono::microseconds;
    const auto since =
        std::chrono::duration_cast<Microseconds>(cursor.output.since.time_since_epoch()).count();
    sd_journal_seek_monotonic_usec(journal, boot, static_cast<std::uint64_t>(since));
    return sd_journal_next(journal) > 0;
}

bool is_of_this_run(sd_journal* journal, const JournalCursor& cursor) {
    std::uint64_t at = 0;
    if (sd_journal_get_monotonic_usec(journal, &at, nullptr) < 0) return false;  // another boot
    return std::chrono::microseconds(at) >=
           std::chrono::floor<std::chrono::microseconds>(cursor.output.since.time_since_epoch());
}

void take_message(sd_journal* journal, LineMatcher& matcher) {
    const void* data = nullptr;
    std::size_t size = 0;
    if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0) return;
    std::string_view text(static_cast<const char*>(data), size);
    text.remove_prefix(std::min<std::size_t>(text.size(), std::string_view("MESSAGE=").size()));
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (matcher.take(line)) return;
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
}

void remember(sd_journal* journal, JournalCursor& cursor) {
    char* text = nullptr;
    if (sd_journal_get_cursor(journal, &text) < 0) return;
    cursor.cursor = text;
    std::free(text);
}

}  // namespace

LogProgress scan_journal(JournalCursor& cursor, const Pattern& pattern) {
    LineMatcher matcher(pattern);
    const auto journal = open_journal(cursor.output.directory);
    if (!journal) {
        LogProgress progress;
        progress.problem = journal.error().message;
        return progress;
    }
    bool more = go_to_start(*journal, cursor);
    while (more) {
        if (is_of_this_run(*journal, cursor)) take_message(*journal, matcher);
        if (matcher.tired()) {
            remember(*journal, cursor);
            return matcher.progress(true);
        }
        remember(*journal, cursor);
        more = sd_journal_next(*journal) > 0;
    }
    return matcher.progress(false);
}

}  // namespace dpsup::io
