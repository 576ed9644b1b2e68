#include "core/supervise/probe.hpp"

#include <algorithm>

namespace dpsup::core {
namespace {

// The first look at a new instance; the waits double from here, so that a fast starter is seen at once and a
// slow one costs little.
constexpr Duration ramp_start = std::chrono::milliseconds(10);

// An answer that is so much later than the probe's own time-out was lost on the way.
constexpr Duration answer_grace = std::chrono::seconds(5);

// A host that probes 500 services a second would wake up as often, at several times the cost of a probe's own work; so
// they fall due together, later than asked by this at the most. Waits that it would lengthen by more than a 50th are kept.
constexpr Duration due_together = std::chrono::milliseconds(20);

Instant next_due(Instant now, Duration wait) {
    const Instant due = after(now, wait);
    if (wait < 50 * due_together || due > instant_never - due_together) return due;
    const Duration past = due.time_since_epoch() % due_together;
    return past == Duration::zero() ? due : due + (due_together - past);
}

Duration next_wait(ProbeState& state, const ProbePolicy& policy) {
    if (state.passed_once || state.verdict == ProbeVerdict::failing) return policy.interval;
    const Duration wait = state.ramp;
    state.ramp = std::min(state.ramp * 2, std::max(policy.start_interval, ramp_start));
    return std::min(wait, policy.interval);
}

// Before the first pass the probe runs more often than every interval, but failures count only at that pace:
// a quick look must not use up the patience that was asked for.
bool failure_counts(const ProbeState& state, const ProbePolicy& policy, Instant launched_at, Instant now) {
    if (now < after(launched_at, policy.start_period)) return false;
    return state.passed_once || now >= after(std::max(state.counted_at, launched_at), policy.interval);
}

// It is kept for each probe of each service, and repeated in reasons.
std::string bounded(const std::string& detail) {
    constexpr std::size_t length_max = 300;
    if (detail.size() <= length_max) return detail;
    std::size_t end = length_max;
    while (end > 0 && (static_cast<unsigned char>(detail[end]) & 0xc0U) == 0x80) --end;  // whole code points
    return detail.substr(0, end) + "...";
}

bool set_verdict(ProbeState& state, ProbeVerdict verdict) {
    const bool changed = state.verdict != verdict;
    state.verdict = verdict;
    return changed;
}

bool pass(ProbeState& state, const ProbePolicy& policy) {
    state.failures = 0;
    state.misses = 0;
    if (state.passes < policy.successes) ++state.passes;
    if (state.passes < policy.successes) return false;
    state.passed_once = true;
    return set_verdict(state, ProbeVerdict::passing);
}

bool count_failure(ProbeState& state, const ProbePolicy& policy, Instant launched_at, Instant now) {
    state.passes = 0;
    if (state.misses < UINT32_MAX) ++state.misses;
    if (!failure_counts(state, policy, launched_at, now)) return false;
    state.counted_at = now;
    if (state.failures < policy.retries) ++state.failures;
    return state.failures >= policy.retries && set_verdict(state, ProbeVerdict::failing);
}

}  // namespace

void begin(ProbeState& state, const ProbePolicy& policy, Instant now) {
    state.ramp = std::min(ramp_start, policy.interval);
    state.next_at = after(now, next_wait(state, policy));
}

bool run_if_due(ProbeState& state, const ProbePolicy& policy, Instant now) {
    if (now < state.next_at) return false;
    if (state.under_way) state.detail = "no answer from the probe";
    state.under_way = true;
    ++state.sequence;
    state.next_at = after(after(now, policy.timeout), answer_grace);
    return true;
}

bool take_in(ProbeState& state, const ProbePolicy& policy, const Probed& result, Instant launched_at,
             Instant now) {
    if (!state.under_way || result.sequence != state.sequence) return false;
    state.under_way = false;
    state.detail = bounded(result.detail);
    bool changed = false;
    switch (result.outcome) {
        case ProbeOutcome::passed:
            changed = pass(state, policy);
            break;
        case ProbeOutcome::failed:
            changed = count_failure(state, policy, launched_at, now);
            break;
        case ProbeOutcome::unknown:
            break;
    }
    state.next_at = next_due(now, next_wait(state, policy));
    return changed;
}

}  // namespace dpsup::core
