// How a member of a PostgreSQL cluster is to behave.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "core/postgres/sync_rule.hpp"

namespace dpsup::core::postgres {

struct Policy {
    std::string name;  // of the member
    SyncPolicy sync;
    Duration lease = std::chrono::seconds(5);
    // Added to what a candidate waits: clocks run apart by up to 1 % each, and a guard needs a moment to kill.
    Duration margin = std::chrono::milliseconds(200);
    std::uint64_t lag_max = 1U << 20U;  // bytes; asynchronous candidates
    bool no_failover = false;
    // How long a new primary waits for the standbys that answered it, before it goes on with fewer.
    Duration sync_patience = std::chrono::seconds(1);
    // How long a named successor has before anybody may take the lease, and anybody before its last holder takes it back.
    Duration handover_patience = std::chrono::seconds(3);

    std::uint32_t restarts_max = 3;  // in place, in a row, before the lease is released
    std::uint64_t seed =
        0;  // chance, another in each life: for the stamps of writes, and pauses between elections
};

// A candidate that has seen no change of the record for that long may take the lease: the holder's own, or ours where that
// is longer.
[[nodiscard]] inline Duration takeover_wait(const Policy& policy, Duration lease) {
    const Duration longer = lease > policy.lease ? lease : policy.lease;
    return longer + longer / 32 + policy.margin;
}

}  // namespace dpsup::core::postgres
