// Rotates one file that others keep writing to: path -> path.1 -> ... -> path.KEEP.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace dpsup::io {

struct RotateResult {
    std::string error;         // empty: done
    bool exact = false;        // nothing written meanwhile was lost
    std::uint64_t copied = 0;  // up to this byte of the file
};

// Blocks. Of a file that grew far beyond its bound before anybody looked, only the last `most` bytes are kept, after a
// line that says how much was left out: old files are bounded too. The file is cut in any case, so that it stays
// bounded; where the copy failed (a full disk), error says so. `cancelled` ends the copy early, and nothing is cut.
[[nodiscard]] RotateResult rotate_file(const std::string& path, std::uint64_t most, std::uint32_t keep,
                                       const std::atomic<bool>& cancelled);

}  // namespace dpsup::io
