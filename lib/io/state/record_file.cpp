#include "io/state/record_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

namespace dpsup::io {
namespace {

constexpr std::size_t checksum_digits = 8;

std::string checksum_of(std::string_view text) {
    boost::crc_32_type sum;
    sum.process_bytes(text.data(), text.size());
    std::array<char, checksum_digits> digits{};
    digits.fill('0');
    std::array<char, checksum_digits> written{};
    const auto end = std::to_chars(written.data(), written.data() + written.size(), sum.checksum(), 16).ptr;
    const auto count = static_cast<std::size_t>(end - written.data());
    std::copy(written.data(), end, digits.data() + (checksum_digits - count));
    return {digits.data(), digits.size()};
}

}  // namespace

std::string record_header(std::string_view word, int version, const std::string& boot_id) {
    return std::string(word) + " " + std::to_string(version) + " " + boot_id + "\n";
}

RecordHeader parse_record_header(std::string_view line, std::string_view word, int newest) {
    RecordHeader header;
    if (!line.starts_with(word) || line.size() <= word.size() + 1 || line[word.size()] != ' ') return header;
    line.remove_prefix(word.size() + 1);
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), header.version);
    if (error != std::errc{} || header.version < 1) return {};
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (line.empty() && header.version > newest) return header;
    if (!line.starts_with(' ')) return {};
    header.boot_id = line.substr(1);
    return header;
}

std::string checked_line(std::string_view text) {
    return checksum_of(text) + " " + std::string(text) + "\n";
}

std::optional<std::string_view> text_of_checked_line(std::string_view line) {
    if (line.size() < checksum_digits + 2 || line[checksum_digits] != ' ') return std::nullopt;
    const std::string_view text = line.substr(checksum_digits + 1);
    if (line.substr(0, checksum_digits) != checksum_of(text)) return std::nullopt;
    return text;
}

tl::unexpected<Error> file_failed(const char* code, const std::string& what, const std::string& path,
                                  int error) {
    return fail(code, what + " " + path + ": " + std::strerror(error),
                error == ENOSPC || error == EDQUOT ? "free some space there" : "");
}

Result<void> write_all(int fd, std::string_view text, const std::string& path, const char* code) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return file_failed(code, "write", path, errno);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<UniqueFd> replace_file(const std::string& path, std::string_view text, const char* code) {
    const std::string fresh = path + ".new";
    UniqueFd file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600));
    if (!file) return file_failed(code, "open", fresh, errno);
    Result<void> written = write_all(file.get(), text, fresh, code);
    if (written && ::rename(fresh.c_str(), path.c_str()) != 0)
        written = file_failed(code, "replace", path, errno);
    if (written) return file;
    ::unlink(fresh.c_str());  // where the disk is full, half a file takes what others need
    return tl::unexpected(written.error());
}

tl::unexpected<Error> state_too_new(const std::string& path, std::int64_t version) {
    return fail("state_too_new",
                path + " was written by a newer dpsup (version " + std::to_string(version) + ")",
                "install that dpsup again; nothing was changed");
}

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace dpsup::io
