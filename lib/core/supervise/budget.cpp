#include "core/supervise/budget.hpp"

#include <algorithm>

namespace dpsup::core {

void Budget::configure(const RestartBudget& limits) {
    tokens_ = configured_ ? std::min(tokens_, limits.burst) : limits.burst;
    configured_ = true;
    limits_ = limits;
}

Instant Budget::reserve(Instant now) {
    if (now > refilled_at_) {
        const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
        tokens_ = std::min(limits_.burst, tokens_ + seconds * limits_.per_second);
        refilled_at_ = now;
    }
    if (limits_.per_second <= 0) return now;
    tokens_ -= 1;
    if (tokens_ >= 0) return now;
    const std::chrono::duration<double> debt(-tokens_ / limits_.per_second);
    return after(now, std::chrono::duration_cast<Duration>(debt));
}

}  // namespace dpsup::core
