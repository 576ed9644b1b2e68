// What one probe found, before it becomes an answer to the brain: the outcome and one clause for people. The
// line that matters is drawn here: what says something about the service counts (passed, failed); what only
// says something about this daemon or host (no descriptors, no name server) is unknown, and restarts nothing.
#pragma once

#include <string>
#include <string_view>

#include "core/supervise/event.hpp"

namespace dpsup::io {

struct Verdict {
    core::ProbeOutcome outcome = core::ProbeOutcome::unknown;
    std::string detail;
};

[[nodiscard]] Verdict passed(std::string detail);
[[nodiscard]] Verdict failed(std::string detail);
[[nodiscard]] Verdict unknown(std::string detail);

// "connection refused": strerror's text, as part of a sentence.
[[nodiscard]] std::string errno_text(int error_number);

// True where the error says that this daemon or host is short of something: EMFILE, ENOBUFS, no free port,
// ...
[[nodiscard]] bool is_local_shortage(int error_number);

// The verdict on an attempt that ended with this error number.
[[nodiscard]] Verdict verdict_of_errno(int error_number);

// An excerpt of what a server said, quoted and short enough for one clause.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace dpsup::io
