// A stream to journald, as sd_journal_stream_fd(3) opens it, but without waiting: a journal that is stuck
// must not hold the daemon up. Lines may begin with a priority, "<3>", as journald has it.
#pragma once

#include <string>

#include "io/unique_fd.hpp"

namespace dpsup::io {

// No descriptor: errno says why. EAGAIN: journald's queue of new streams is full. `unit` is what journald records for
// lines whose writer has ended before it could look (it believes root only); may be empty.
[[nodiscard]] UniqueFd open_journal_stream(const std::string& socket_path, const std::string& identifier,
                                           const std::string& unit);

}  // namespace dpsup::io
