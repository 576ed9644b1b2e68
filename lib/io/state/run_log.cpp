#include "io/state/run_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "io/state/record_file.hpp"
#include "io/state/run_record.hpp"

namespace dpsup::io {
namespace {

constexpr int version = 1;
constexpr std::string_view header_word = "dpsup-runs";

// The file is written anew once it is larger than this and several times what it says.
constexpr std::uint64_t least_size_limit = 1U << 20U;
constexpr std::uint64_t bytes_per_record = 2048;

// What waits is written once it is as much, so that a start of thousands leaves no large buffer behind.
constexpr std::size_t piece = 1U << 16U;

// Room for a hundred lines and more.
constexpr std::uint64_t reserve_size = 1U << 16U;

constexpr Duration rewrite_again = std::chrono::seconds(1);
constexpr Duration rewrite_again_max = std::chrono::seconds(32);

constexpr const char* error_code = "runs_not_recorded";

}  // namespace

Result<RunLog> RunLog::open(std::string path, std::string boot_id) {
    RunLog log(std::move(path), std::move(boot_id));
    if (Result<void> read = log.read(); !read) return tl::unexpected(read.error());
    for (const auto& [name, found] : log.found_) log.set(name, found);
    // Always anew: what is damaged goes, and appending begins at the end of a line.
    if (!log.flush()) log.go_on_with_the_file();
    return log;
}

// There is no room for a second file: the one that is there will do, if all of it is good. Else the next flush tells.
void RunLog::go_on_with_the_file() {
    if (!file_) return;
    must_rewrite_ = failing_ = false;
    rewrite_above_ = size_ + size_limit() / 2;
}

Result<void> RunLog::check(const std::string& path, const std::string& boot_id) {
    RunLog log(path, boot_id);
    if (Result<void> read = log.read(); !read) return read;
    // The last line may be half written in this moment.
    if (log.damaged_ > (log.last_damaged_ ? 1U : 0U))
        return fail("state_not_understood", "some lines of " + path + " make no sense to this dpsup",
                    "it may be older than the one that runs");
    return {};
}

Result<void> RunLog::read() {
    struct stat info{};
    if (::stat(path_.c_str(), &info) == 0 && S_ISFIFO(info.st_mode)) {
        damaged_ = 1;  // opening it would wait for a writer
        return {};
    }
    std::ifstream file(path_, std::ios::binary);
    if (!file) {
        if (errno == ENOENT) return {};
        return file_failed(error_code, "read", path_, errno);
    }
    std::string line;
    if (!std::getline(file, line)) return {};
    const RecordHeader head = parse_record_header(line, header_word, version);
    if (head.version > version) return state_too_new(path_, head.version);
    // Another boot's processes are gone, and its clock said something else.
    if (head.version == 0) damaged_ = 1;
    if (head.version == 0 || boot_id_.empty() || head.boot_id != boot_id_) return {};
    size_ = line.size() + 1;
    bool whole = !file.eof();
    while (std::getline(file, line)) {
        whole = !file.eof();
        line += '\n';
        take(line);
    }
    if (damaged_ == 0 && whole) file_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_APPEND));
    if (file_) return {};
    lines_.clear();  // they are told by what was found alone
    size_ = 0;
    return {};
}

void RunLog::take(std::string_view text) {
    const std::uint64_t offset = std::exchange(size_, size_ + text.size());
    std::optional<NamedRun> run = decode_run(text.substr(0, text.size() - 1));
    last_damaged_ = !run.has_value();
    if (!run) {
        ++damaged_;
        return;
    }
    lines_[run->name] = {std::hash<std::string_view>{}(text), offset, text.size(), !run->record};
    if (run->record)
        found_[run->name] = std::move(*run->record);
    else
        found_.erase(run->name);
}

void RunLog::set(const std::string& name, const RunRecord& record) {
    put(name, encode_run(name, &record), false);
}

void RunLog::drop(const std::string& name) {
    const auto line = lines_.find(name);
    if (line != lines_.end() && !line->second.gone) put(name, encode_run(name, nullptr), true);
}

void RunLog::keep_only(const std::function<bool(const std::string& name)>& keep) {
    for (const auto& [name, line] : lines_)
        if (!keep(name)) drop(name);
}

void RunLog::clear() {
    lines_.clear();
    waiting_.clear();
    must_rewrite_ = true;
    rewrite_at_ = {};  // what is not on record any more must not be found
}

void RunLog::put(const std::string& name, std::string_view text, bool gone) {
    const Line line{std::hash<std::string_view>{}(text), size_ + waiting_.size(), text.size(), gone};
    const auto [place, fresh] = lines_.try_emplace(name);
    if (!fresh && place->second.digest == line.digest) return;
    place->second = line;
    waiting_ += text;
    if (waiting_.size() >= piece && !must_rewrite_ && !failing_) (void)append();  // flush() will tell
    if (waiting_.size() >= size_limit()) condense_waiting();
}

std::uint64_t RunLog::size_limit() const {
    return std::max(least_size_limit, lines_.size() * bytes_per_record);
}

// Of what waits the last line of each name is enough.
void RunLog::condense_waiting() {
    std::string kept;
    for (auto& [name, line] : lines_) {
        if (line.offset < size_) continue;
        const std::uint64_t offset = size_ + kept.size();
        kept.append(waiting_, line.offset - size_, line.length);
        line.offset = offset;
    }
    waiting_ = std::move(kept);
}

Result<void> RunLog::flush(Instant at) {
    if (must_rewrite_) return rewrite_in_time(at);
    if (Result<void> appended = append(); !appended) return appended;
    if (size_ <= std::max(rewrite_above_, size_limit())) return {};
    // All is on record; where there is no room for a second file, that is tried again once this one has grown.
    if (!rewrite()) rewrite_above_ = size_ + size_limit() / 2;
    return {};
}

// All of it at each event would keep the loop from its work.
Result<void> RunLog::rewrite_in_time(Instant at) {
    if (at < rewrite_at_) return tl::unexpected(rewrite_error_);
    Result<void> written = rewrite();
    if (written) {
        rewrite_wait_ = {};
        return written;
    }
    rewrite_wait_ = std::clamp(2 * rewrite_wait_, rewrite_again, rewrite_again_max);
    rewrite_at_ = at + rewrite_wait_;
    rewrite_error_ = written.error();
    return written;
}

Result<void> RunLog::append() {
    if (waiting_.empty()) return {};
    failing_ = true;
    if (torn_ && ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0)
        return file_failed(error_code, "cut off half a line of", path_, errno);
    torn_ = true;
    if (Result<void> written = write_all(file_.get(), waiting_, path_, error_code); !written) {
        torn_ = ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0;
        reserved_ = 0;  // went with that
        return written;
    }
    torn_ = failing_ = false;
    size_ += waiting_.size();
    reserve();
    waiting_.clear();
    if (waiting_.capacity() > 2 * piece) waiting_.shrink_to_fit();
    return {};
}

// What does not fit there, or is not known to the file system, is not reserved.
void RunLog::reserve() {
    if (size_ + reserve_size / 2 <= reserved_) return;
    const std::uint64_t from = std::max(size_, reserved_);
    const std::uint64_t until = size_ + reserve_size;
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
                    static_cast<off_t>(until - from)) == 0)
        reserved_ = until;
}

// As it stands in the file or waits for it; empty where somebody spoiled the file.
std::string RunLog::text_of(const Line& line) const {
    std::string text(line.length, '\0');
    if (line.offset >= size_)
        text = waiting_.substr(line.offset - size_, line.length);
    else if (::pread(file_.get(), text.data(), text.size(), static_cast<off_t>(line.offset)) < 0)
        return {};
    return std::hash<std::string_view>{}(text) == line.digest ? text : std::string();
}

// The file is its own memory: the last line of each name is copied to a new one, which then takes its place.
Result<void> RunLog::rewrite() {
    std::string text = record_header(header_word, version, boot_id_);
    std::unordered_map<std::string, Line> lines;
    for (const auto& [name, line] : lines_) {
        const std::string last = line.gone ? std::string() : text_of(line);
        if (last.empty()) continue;
        lines[name] = {line.digest, text.size(), line.length, false};
        text += last;
    }
    Result<UniqueFd> file = replace_file(path_, text, error_code);
    if (!file) return tl::unexpected(file.error());
    file_ = std::move(*file);
    size_ = text.size();
    reserved_ = 0;
    reserve();
    rewrite_above_ = 0;
    lines_ = std::move(lines);
    waiting_ = {};
    must_rewrite_ = failing_ = torn_ = false;
    return {};
}

}  // namespace dpsup::io
