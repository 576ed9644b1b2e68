#include "sim/books.hpp"

#include <algorithm>
#include <cmath>

namespace dpsup::sim {

using core::Condition;
using core::ProbeOutcome;
using core::ProbeRole;

void ProbeBook::take_in(const core::ProbePolicy& policy, const core::Probed& result, Instant launched_at,
                        Instant now) {
    if (!under_way || result.sequence != sequence) return;
    under_way = false;
    ended_at = now;
    if (result.outcome == ProbeOutcome::passed) {
        failures = 0;
        if (++passes < policy.successes) return;
        passed_once = true;
        verdict = Verdict::passing;
    }
    if (result.outcome == ProbeOutcome::failed) {
        passes = 0;
        if (now < launched_at + policy.start_period) return;
        if (!passed_once && now < std::max(counted_at, launched_at) + policy.interval) return;
        counted_at = now;
        if (++failures >= policy.retries) verdict = Verdict::failing;
    }
}

bool Account::ready() const {
    if (!run || !run->launched || run->ending()) return false;
    if (policy.kind == core::Kind::job) return false;
    if (policy.notify && !run->notified) return false;
    for (std::size_t i = 0; i < policy.probes.size(); ++i) {
        const auto verdict = run->probes[i].verdict;
        if (verdict == ProbeBook::Verdict::failing) return false;
        if (policy.probes[i].role != ProbeRole::liveness && verdict != ProbeBook::Verdict::passing)
            return false;
    }
    return true;
}

// Without jitter.
Duration Account::delay(std::uint32_t attempt) const {
    const auto& restart = policy.restart;
    const double grown = static_cast<double>(restart.delay.count()) * std::pow(restart.factor, attempt);
    return Duration(
        static_cast<Duration::rep>(std::min(grown, static_cast<double>(restart.delay_max.count()))));
}

void Account::heard_of_command(Instant now) {
    failed = false;
    failures = 0;
    retries = 0;
    retries_unsure = run.has_value();
    retrying = false;
    not_before = now;
    not_after = instant_never;
}

bool holds(const Account& dependency, Condition condition) {
    if (dependency.restart_pending) return false;
    const auto& run = dependency.run;
    switch (condition) {
        case Condition::started:
            return run ? run->launched && !run->ending()
                       : dependency.done && dependency.policy.kind == core::Kind::job;
        case Condition::ready:
            return dependency.ready();
        case Condition::done:
            return !run && dependency.done;
    }
    return false;
}

}  // namespace dpsup::sim
