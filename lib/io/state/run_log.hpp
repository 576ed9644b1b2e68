// What a new dpsupd needs in order to take over from one that died: one record a service, of this boot. Every change
// is appended to one file, in the runtime directory, before the effects that follow from it; nothing is synced, since
// the kernel keeps what was written when the daemon dies, and a reboot voids it all.
//
// A line is a checksum and a JSON object; the last line of a name is the valid one. A line that is cut off or damaged is
// left out: the worst that follows is that what runs is not known, never that something else is taken for it (whoever
// adopts compares the start time too).
//
// Behind its end the file has some room on the disk: where that is full, what is launched is still on record.
//
// Memory holds no records, only where the last line of each name stands: a host may have thousands of services.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "core/supervise/policy.hpp"
#include "core/supervise/snapshot.hpp"
#include "io/clock.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

struct RunRecord {
    core::Snapshot snapshot;
    std::uint64_t process_start =
        0;  // of the main process, in clock ticks since boot (proc(5)); 0: not known
    // Where in its log file the output of this instance begins; none: it writes to none, or no log probe asks.
    std::optional<std::uint64_t> output_offset;
    std::string cgroup_root;  // below which its cgroup lies; empty: it has none
    bool queued = false;      // its launch has not begun
    std::string definition;   // with which its last instance was launched; empty: not known
    // How it is to be stopped, for whoever finds it running and not configured any more.
    int stop_signal = core::Policy{}.stop_signal;
    Duration stop_timeout = core::Policy{}.stop_timeout;
    std::vector<std::string> depends_on;

    bool operator==(const RunRecord&) const = default;
};

using RunRecords = std::map<std::string, RunRecord>;

class RunLog {
public:
    // Reads what is on record for this boot, and goes on from there. Fails with "state_too_new" where a newer dpsup wrote
    // it, and leaves it as it is.
    [[nodiscard]] static Result<RunLog> open(std::string path, std::string boot_id);

    // Whether open() would understand all that lies there; changes nothing. Another process may be writing to it.
    [[nodiscard]] static Result<void> check(const std::string& path, const std::string& boot_id);

    // What was on record when it was opened. It is handed over once: afterwards the file alone knows.
    [[nodiscard]] RunRecords take_found() { return std::exchange(found_, {}); }
    // Lines of the file that made no sense when it was opened.
    [[nodiscard]] std::size_t damaged() const { return damaged_; }

    void set(const std::string& name, const RunRecord& record);
    void drop(const std::string& name);
    void keep_only(const std::function<bool(const std::string& name)>& keep);
    void clear();

    // Writes what was set since the last time and was not too much to wait for it. Where that fails it is kept for
    // the next time. A whole new file that could not be written is tried again later: after a second, then two, ...
    [[nodiscard]] Result<void> flush(Instant at = now());

private:
    // The last line of a name. It is in the file, or waits to be written.
    struct Line {
        std::uint64_t digest = 0;
        std::uint64_t offset = 0;  // in the file, as if what waits were appended already
        std::size_t length = 0;
        bool gone = false;  // it says that the name is not on record any more
    };

    RunLog(std::string path, std::string boot_id) : path_(std::move(path)), boot_id_(std::move(boot_id)) {}

    [[nodiscard]] Result<void> read();
    void go_on_with_the_file();
    void reserve();
    [[nodiscard]] Result<void> append();
    [[nodiscard]] Result<void> rewrite();
    [[nodiscard]] Result<void> rewrite_in_time(Instant at);
    void put(const std::string& name, std::string_view text, bool gone);
    void condense_waiting();
    [[nodiscard]] std::string text_of(const Line& line) const;
    [[nodiscard]] std::uint64_t size_limit() const;
    void take(std::string_view text);

    std::string path_;
    std::string boot_id_;
    RunRecords found_;
    std::size_t damaged_ = 0;
    bool last_damaged_ = false;
    std::unordered_map<std::string, Line> lines_;
    UniqueFd file_;
    std::uint64_t size_ = 0;      // of the file, as far as it is good
    std::uint64_t reserved_ = 0;  // the file has room on the disk up to here
    std::uint64_t rewrite_above_ = 0;
    std::string waiting_;
    bool must_rewrite_ = true;  // instead of appending
    Instant rewrite_at_;        // not before, after one that failed
    Duration rewrite_wait_{};
    Error rewrite_error_;
    bool failing_ = false;
    bool torn_ = false;  // half a line may stand behind what is good
};

}  // namespace dpsup::io
