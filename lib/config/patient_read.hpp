// Reads files of which some may lie on a file system that does not answer, as NFS without its server.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace dpsup::config {

class PatientReader {
public:
    // The code of the error where a file does not answer.
    static constexpr std::string_view silent = "silent";

    explicit PatientReader(Duration patience = std::chrono::seconds(3)) : patience_(patience) {}

    // As read_file(), within the patience, which is short once another file has been silent. What lies in the same folder
    // as a file that still does not answer is not tried: so whoever asks again and again piles no threads up.
    [[nodiscard]] Result<std::string> read(const std::string& path, std::size_t size_max);

private:
    Duration patience_;
};

}  // namespace dpsup::config
