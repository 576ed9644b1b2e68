// What people see of a service: its state, and what is wanted of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace dpsup::core {

enum class Wanted : std::uint8_t { down, up };

enum class State : std::uint8_t {
    stopped,    // nothing runs, and nothing is to run
    waiting,    // wanted up; a dependency's condition does not hold yet
    starting,   // launched, or being launched; not ready yet (a job: runs, and is not done yet)
    ready,      // runs and is well
    unhealthy,  // runs; was ready, and its probes fail now
    stopping,   // being ended, whatever comes next; something of it may still run
    backoff,    // failed, and waits for its next try
    failed,     // failed, and waits for a command
    done,       // ended successfully, and its restart policy leaves it there
    unknown,    // cannot be seen now (a container engine that is away); never taken for dead
};

enum class Health : std::uint8_t { none, pending, passing, failing };

// Nothing of it runs, and nothing will without a command.
[[nodiscard]] constexpr bool is_resting(State state) {
    return state == State::stopped || state == State::failed || state == State::done;
}

[[nodiscard]] constexpr std::string_view to_string(State state) {
    switch (state) {
        case State::stopped:
            return "stopped";
        case State::waiting:
            return "waiting";
        case State::starting:
            return "starting";
        case State::ready:
            return "ready";
        case State::unhealthy:
            return "unhealthy";
        case State::stopping:
            return "stopping";
        case State::backoff:
            return "backoff";
        case State::failed:
            return "failed";
        case State::done:
            return "done";
        case State::unknown:
            return "unknown";
    }
    return "?";
}

[[nodiscard]] constexpr std::string_view to_string(Wanted wanted) {
    return wanted == Wanted::up ? "up" : "down";
}

[[nodiscard]] constexpr std::string_view to_string(Health health) {
    switch (health) {
        case Health::none:
            return "none";
        case Health::pending:
            return "pending";
        case Health::passing:
            return "passing";
        case Health::failing:
            return "failing";
    }
    return "?";
}

}  // namespace dpsup::core
