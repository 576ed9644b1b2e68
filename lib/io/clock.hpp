// The only two clocks. The engine reads now() once an event and hands the value on; nothing below it asks
// again.
#pragma once

#include <ctime>

#include "base/time.hpp"

namespace dpsup::io {

// CLOCK_MONOTONIC: never set back; stands still in suspend.
[[nodiscard]] inline Instant now() noexcept {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

// For display and records only.
[[nodiscard]] inline WallTime wall_now() noexcept {
    return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}

}  // namespace dpsup::io
