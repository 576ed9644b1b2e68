// The API's replies as JSON text, each ending in a newline.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/backend.hpp"

namespace dpsup::control {

[[nodiscard]] std::string encode(const HostStatus& status);
[[nodiscard]] std::string encode(const Explanation& explanation);
[[nodiscard]] std::string encode(const CommandReply& reply);
[[nodiscard]] std::string encode(const PlanReply& plan, bool applied);
[[nodiscard]] std::string encode(const DaemonStopReply& reply);
[[nodiscard]] std::string encode(const std::vector<Decision>& decisions);

// A command that was refused for some service, or not reached in time: an error that also tells how far each
// came.
[[nodiscard]] std::string encode(const Error& error, const CommandReply& reply);

// Lines of the event stream. `last`: the number of the last decision that the snapshot includes.
[[nodiscard]] std::string snapshot_line(const HostStatus& status, std::uint64_t last);
[[nodiscard]] std::string change_line(const Decision& decision, const std::optional<ServiceStatus>& status);
[[nodiscard]] std::string heartbeat_line();

[[nodiscard]] std::string encode(const ReexecReply& reply);

// The version document; `pid` is the daemon's.
[[nodiscard]] std::string encode_version(std::string_view version, std::int64_t pid,
                                         const DaemonStatus& daemon);

}  // namespace dpsup::control
