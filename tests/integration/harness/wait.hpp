// Waiting for conditions. No test sleeps and hopes: it says what it waits for, and a generous deadline turns
// a condition that never comes into a failure.
#pragma once

#include <chrono>
#include <functional>

namespace dpsup::test {

using Clock = std::chrono::steady_clock;

// Long enough for a sanitizer build on a busy machine; nothing that works comes near it.
inline constexpr std::chrono::seconds patience{60};

// True once the condition holds; false where it does not within `limit`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, Clock::duration limit = patience);

// Milliseconds left, for poll(2); 0 where the deadline has passed.
[[nodiscard]] int left_ms(Clock::time_point deadline);

}  // namespace dpsup::test
