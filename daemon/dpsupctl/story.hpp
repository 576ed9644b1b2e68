// Replies as sentences: what `explain`, `events`, `plan` and the commands print. Pure: reply in, text out.
#pragma once

#include <string>
#include <vector>

#include "dpsupctl/output.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {

// Why a service is in its state, what it depends on, what happened, what to do next. `log_lines`: its last
// output.
[[nodiscard]] std::string explanation_text(const ExplanationView& explanation,
                                           const std::vector<std::string>& log_lines,
                                           const Terminal& terminal, WallTime now);

// "2026-11-22 20:00:00  web  starting -> ready  probe passed".
[[nodiscard]] std::string decision_line(const DecisionView& decision, const Terminal& terminal);

[[nodiscard]] std::string plan_text(const PlanView& plan);

[[nodiscard]] std::string outcome_text(const CommandView& command, const Terminal& terminal);

}  // namespace dpsup::ctl
