// Request bodies and queries -> requests. Every unknown field is an error that names the nearest known one,
// and what does not belong to the verb (a signal to `start`) is unknown to it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/backend.hpp"
#include "control/target.hpp"

namespace dpsup::control {

inline constexpr std::size_t decisions_max = 1000;
inline constexpr std::size_t decisions_default = 100;

// The body of POST /v1/services/NAME/VERB; may be empty.
[[nodiscard]] Result<CommandRequest> decode_command(core::Verb verb, const std::string& service,
                                                    std::string_view body);

// The body of POST /v1/actions.
[[nodiscard]] Result<CommandRequest> decode_action(std::string_view body);

// The body of POST /v1/daemon/stop; may be empty.
[[nodiscard]] Result<DaemonStop> decode_daemon_stop(std::string_view body);

// The values of name=..., once each; anything else is an error.
[[nodiscard]] Result<std::vector<std::string>> decode_names(const Target& target);

// limit=..., at most decisions_max.
[[nodiscard]] Result<std::size_t> decode_limit(const Target& target);

// For routes without body or query.
[[nodiscard]] Result<void> check_no_query(const Target& target);
[[nodiscard]] Result<void> check_no_body(std::string_view body);

}  // namespace dpsup::control
