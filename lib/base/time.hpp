// Instants and durations. `Instant` has no now(): whoever decides is told the time, so that decisions can be
// replayed. The engine reads the clock once an event (io/clock.hpp).
#pragma once

#include <chrono>

namespace dpsup {

using Duration = std::chrono::nanoseconds;

// Time since boot, never set back (CLOCK_MONOTONIC in production, virtual time in the simulation).
struct MonotonicTimeline {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicTimeline, Duration>;
    static constexpr bool is_steady = true;
};
using Instant = MonotonicTimeline::time_point;

// What a person reads on the wall. For display and records only; never compared to decide anything.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

inline constexpr Instant instant_never = Instant::max();

// now + wait without overflow: a wait that is "for ever" stays for ever.
[[nodiscard]] constexpr Instant after(Instant now, Duration wait) {
    return wait >= instant_never - now ? instant_never : now + wait;
}

}  // namespace dpsup
