// One probe of one instance: when to run it next, and what its results amount to. Kubernetes' meaning:
// `retries` failures in a row count as failed, `successes` passes in a row as passing, and no failure counts
// before the end of the start period. Until the first pass it is asked more often (10 ms, doubling up to
// start_interval), while its failures count once an interval at the most. One probe is never under way twice.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/policy.hpp"

namespace dpsup::core {

enum class ProbeVerdict : std::uint8_t { pending, passing, failing };

struct ProbeState {
    ProbeVerdict verdict = ProbeVerdict::pending;
    std::uint64_t sequence = 0;  // of the last run that was asked for
    bool under_way = false;
    Instant next_at = instant_never;  // idle: when to run; under way: when its answer counts as lost
    bool passed_once = false;
    Duration ramp = Duration::zero();  // the next wait before the first pass; doubles up to start_interval
    Instant counted_at{};              // of the last failure that counted
    std::uint32_t failures = 0;        // in a row
    std::uint32_t passes = 0;          // in a row
    std::uint32_t misses = 0;          // in a row: failures, whether they counted or not
    std::string detail;                // of the last result
};

// Makes the probe due: from now on it runs.
void begin(ProbeState& state, const ProbePolicy& policy, Instant now);

// The probe is due at `now`, or its answer is overdue (which counts as unknown): asks for a run. True:
// RunProbe with state.sequence is to be sent.
[[nodiscard]] bool run_if_due(ProbeState& state, const ProbePolicy& policy, Instant now);

// Takes a result in. `launched_at`: start of the start period. True where the verdict changed.
bool take_in(ProbeState& state, const ProbePolicy& policy, const Probed& result, Instant launched_at,
             Instant now);

}  // namespace dpsup::core
