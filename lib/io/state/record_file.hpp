// The form of what dpsupd keeps in the runtime directory: a header with a version and the boot, then lines that are a
// checksum and a JSON object. Nothing is synced, since the kernel keeps what was written when the daemon dies, and a
// reboot voids it all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// The file's first line: "WORD VERSION BOOT-ID".
struct RecordHeader {
    int version = 0;  // 0: it is none of this word
    std::string_view boot_id;
};
[[nodiscard]] std::string record_header(std::string_view word, int version, const std::string& boot_id);
// Without the newline. Of a version above `newest` only the version is told.
[[nodiscard]] RecordHeader parse_record_header(std::string_view line, std::string_view word, int newest);

// With the newline.
[[nodiscard]] std::string checked_line(std::string_view text);
// Without the newline. Nothing where the line is cut off or damaged.
[[nodiscard]] std::optional<std::string_view> text_of_checked_line(std::string_view line);

// Their errors have the code `code`.
[[nodiscard]] Result<void> write_all(int fd, std::string_view text, const std::string& path,
                                     const char* code);
// Writes a new file and puts it in the place of the old one: readers see the one or the other. Open for reading and
// appending.
[[nodiscard]] Result<UniqueFd> replace_file(const std::string& path, std::string_view text, const char* code);

// "WHAT PATH: why", with what to do where the disk is full.
[[nodiscard]] tl::unexpected<Error> file_failed(const char* code, const std::string& what,
                                                const std::string& path, int error);

// "state_too_new": a newer dpsup wrote the file, and it stays as it is.
[[nodiscard]] tl::unexpected<Error> state_too_new(const std::string& path, std::int64_t version);

// This boot, as the kernel calls it; empty where it does not say.
[[nodiscard]] std::string boot_id();

}  // namespace dpsup::io
