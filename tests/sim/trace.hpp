// Events and what the core did about them, one line each, for people who look at a failed run.
#pragma once

#include <string>

#include "core/supervise/supervisor.hpp"

namespace dpsup::sim {

[[nodiscard]] std::string describe(const core::Event& event, const core::Supervisor& core);
// " => launch s003#2; s003: waiting -> starting (reason)"; empty where nothing was done.
[[nodiscard]] std::string describe(const core::Output& output, const core::Supervisor& core);
// "12.345678s"
[[nodiscard]] std::string describe(Instant now);

}  // namespace dpsup::sim
