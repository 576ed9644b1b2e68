#include "io/state/run_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "io/state/run_record.hpp"

namespace dpsup::io {
namespace {

constexpr int version = 1;
constexpr std::string_view header_word = "dpsup-runs";

// The file is written anew once it is larger than this and several times what it says.
constexpr std::uint64_t rewrite_above = 1U << 20U;
constexpr std::uint64_t bytes_per_record = 2048;

tl::unexpected<Error> failed(const std::string& what, const std::string& path, int error) {
    return fail("runs_not_recorded", what + " " + path + ": " + std::strerror(error),
                error == ENOSPC || error == EDQUOT ? "free some space there" : "");
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed("write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

std::string header(const std::string& boot_id) {
    return std::string(header_word) + " " + std::to_string(version) + " " + boot_id + "\n";
}

struct Header {
    int version = 0;  // 0: it is none
    std::string_view boot_id;
};

Header parse_header(std::string_view line) {
    Header header;
    if (!line.starts_with(header_word) || line.size() <= header_word.size() + 1) return header;
    line.remove_prefix(header_word.size() + 1);
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), header.version);
    if (error != std::errc{} || header.version < 1) return {};
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (!line.starts_with(' ')) return header.version > version ? header : Header{};
    header.boot_id = line.substr(1);
    return header;
}

}  // namespace

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

Result<RunLog> RunLog::open(std::string path, std::string boot_id) {
    RunLog log(std::move(path), std::move(boot_id));
    if (Result<void> read = log.read(); !read) return tl::unexpected(read.error());
    // Always anew: what is damaged goes, and appending begins at the end of a line.
    // Where there is no room, the first flush tells.
    if (!log.rewrite()) log.must_rewrite_ = true;
    return log;
}

Result<void> RunLog::read() {
    std::ifstream file(path_, std::ios::binary);
    if (!file) {
        if (errno == ENOENT) return {};
        return failed("read", path_, errno);
    }
    std::string line;
    if (!std::getline(file, line)) return {};
    const Header head = parse_header(line);
    if (head.version > version)
        return fail("state_too_new",
                    path_ + " was written by a newer dpsup (version " + std::to_string(head.version) + ")",
                    "install that dpsup again; nothing was changed");
    // Another boot's processes are gone, and its clock said something else.
    if (head.version == 0) damaged_ = 1;
    if (head.version == 0 || boot_id_.empty() || head.boot_id != boot_id_) return {};
    while (std::getline(file, line)) take(line);
    return {};
}

void RunLog::take(std::string_view line) {
    std::optional<NamedRun> run = decode_run(line);
    if (!run) {
        ++damaged_;
        return;
    }
    if (run->record)
        records_[run->name] = std::move(*run->record);
    else
        records_.erase(run->name);
}

Result<void> RunLog::rewrite() {
    const std::string fresh = path_ + ".new";
    UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600));
    if (!file) return failed("open", fresh, errno);
    std::string text = header(boot_id_);
    for (const auto& [name, record] : records_) text += encode_run(name, &record);
    if (Result<void> written = write_all(file.get(), text, fresh); !written) return written;
    if (::rename(fresh.c_str(), path_.c_str()) != 0) return failed("replace", path_, errno);
    file_ = std::move(file);
    size_ = text.size();
    unwritten_.clear();
    must_rewrite_ = false;
    return {};
}

void RunLog::set(const std::string& name, RunRecord record) {
    const auto [place, fresh] = records_.try_emplace(name);
    if (!fresh && place->second == record) return;
    place->second = std::move(record);
    if (!must_rewrite_) unwritten_ += encode_run(name, &place->second);
}

void RunLog::drop(const std::string& name) {
    if (records_.erase(name) > 0 && !must_rewrite_) unwritten_ += encode_run(name, nullptr);
}

void RunLog::clear() {
    records_.clear();
    unwritten_.clear();
    must_rewrite_ = true;
}

Result<void> RunLog::flush() {
    const std::uint64_t most = std::max(rewrite_above, records_.size() * bytes_per_record);
    must_rewrite_ = must_rewrite_ || size_ + unwritten_.size() > most;
    if (must_rewrite_) {
        unwritten_.clear();
        return rewrite();
    }
    if (unwritten_.empty()) return {};
    if (Result<void> written = write_all(file_.get(), unwritten_, path_); !written) {
        // Half a line would spoil the next one.
        must_rewrite_ = ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0;
        return written;
    }
    size_ += unwritten_.size();
    unwritten_.clear();
    return {};
}

}  // namespace dpsup::io
