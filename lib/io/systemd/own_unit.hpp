// Our own unit, as systemd has it: why it is to end, and how it is made to. Everything here blocks: for a thread.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/lifecycle/end.hpp"

namespace dpsup::io {

// Not `ours` where this process is no unit's main process.
[[nodiscard]] Result<core::UnitAnswer> ask_about_own_unit(Duration call_timeout);

// Has systemd stop our unit, and what would start it again: its sockets. Returns when systemd has taken the jobs. False,
// and nothing done, where this process is no unit's main process.
[[nodiscard]] Result<bool> stop_own_unit(Duration call_timeout);

}  // namespace dpsup::io
