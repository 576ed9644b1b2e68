// "Why is it in this state?": the story of one service, down to the dependency that everything waits for.
#pragma once

#include "control/backend.hpp"
#include "engine.hpp"

namespace dpsup {

[[nodiscard]] control::Explanation explain(const core::Service& service, control::ServiceStatus status,
                                           const Engine& engine);

}  // namespace dpsup
