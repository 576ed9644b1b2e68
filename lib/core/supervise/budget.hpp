// The host-wide budget of restarts: a token bucket that hands out reservations, so that services that must
// wait come in the order in which they asked and none starves.
#pragma once

#include "base/time.hpp"
#include "core/supervise/policy.hpp"

namespace dpsup::core {

class Budget {
public:
    Budget() = default;
    // The first limits begin with a full bucket. Later ones fill it no faster than at their rate, so that applying two
    // configurations in turn hands out nothing.
    void configure(const RestartBudget& limits);

    // Takes one restart out of the budget: the instant from which it may happen (now, where there is room).
    [[nodiscard]] Instant reserve(Instant now);

private:
    RestartBudget limits_;
    bool configured_ = false;
    double tokens_ = RestartBudget{}.burst;  // negative: reserved ahead
    Instant refilled_at_{};
};

}  // namespace dpsup::core
