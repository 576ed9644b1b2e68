// Whether what a command asked for has come about: the answer to `--wait`. Looked at after each transition,
// so that nobody polls.
#pragma once

#include "core/supervise/event.hpp"
#include "core/supervise/service.hpp"

namespace dpsup::core {

struct Target {
    ServiceId service;
    Verb verb = Verb::start;
    Generation before;  // the service's generation when the command came
};

enum class TargetOutcome : std::uint8_t {
    pending,
    reached,
    missed,  // it failed, or somebody wants otherwise by now; what it is doing about it is in its reason
};

// nullptr: the service is gone from the configuration.
[[nodiscard]] TargetOutcome look(const Target& target, const Service* service);

}  // namespace dpsup::core
