// What dpsupctl prints, and how it ends. Output is collected and written at once.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dpsup::ctl {

enum class Exit : int {
    done = 0,
    failed = 1,  // the daemon refused, or the thing failed
    usage = 2,
    unreachable = 3,  // the daemon is not running, ends or does not answer
    not_allowed = 4,
};

// Writes all of it to standard output. A reader that has had enough (`| head`) is no error.
[[nodiscard]] Result<void> print(std::string_view text);

// "dpsupctl: MESSAGE" and the hint below it, on standard error. `json`: as {"error": ...} on standard output
// instead.
Exit report(const Error& error, bool json);

[[nodiscard]] Exit exit_of(const Error& error);

// The terminal that standard output is; no terminal: width and height 0, no colour.
struct Terminal {
    std::size_t width = 0;
    std::size_t height = 0;
    bool colour = false;  // a terminal that understands it, and NO_COLOR is not set
};
[[nodiscard]] Terminal terminal();

}  // namespace dpsup::ctl
