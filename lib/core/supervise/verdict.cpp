// What comes after an instance: rest, another launch at once, or a retry later.
#include <algorithm>
#include <cmath>

#include "base/hash.hpp"
#include "base/units.hpp"
#include "core/supervise/moves.hpp"
#include "core/supervise/words.hpp"

namespace dpsup::core {
namespace {

// From what tells one retry from another.
double chance(std::uint64_t seed, const std::string& name, Generation generation) {
    const std::uint64_t x = mixed(seed ^ fnv1a(name) ^ mixed(generation.value));
    return static_cast<double>(x >> 11U) * 0x1.0p-53;
}

Duration delay_before_retry(const Service& service, std::uint64_t seed) {
    const RestartPolicy& policy = service.policy.restart;
    const double longest = static_cast<double>(policy.delay_max.count());
    const double grown = static_cast<double>(policy.delay.count()) * std::pow(policy.factor, service.attempt);
    const double spread = 1 + policy.jitter * (2 * chance(seed, service.policy.name, service.generation) - 1);
    return Duration(std::llround(std::min(grown, longest) * spread));
}

// It ended by itself, and nobody saw how. Where the kernel ran out of memory for it meanwhile, that says enough.
bool ended_unseen(const Run& run) {
    if (run.cause != EndCause::exited) return false;
    return !run.exit || (run.exit->kind == ExitKind::unknown && !run.exit->out_of_memory);
}

// What nobody has seen running may never have been launched, and is no success.
bool succeeded(const Service& service, const Run& run) {
    if (ended_unseen(run)) return run.pid > 0 && service.policy.restart.on_unknown == UnknownEnd::success;
    return run.cause == EndCause::exited && run.exit->success();
}

std::string how_it_ended(const Service& service, const Run& run) {
    const std::string lasted = " after " + format_duration_rounded(run.ended_at - run.launched_at);
    if (run.launch_failure) return "could not be launched: " + describe(*run.launch_failure);
    if (ended_unseen(run) && run.pid == 0)
        return "was not there" + lasted + ", and how it ended is not known; counts as failure";
    if (ended_unseen(run))
        return "ended" + lasted + ", how is not known; counts as " +
               (succeeded(service, run) ? "success" : "failure") + " (restart.on_unknown)";
    return run.cause == EndCause::exited ? describe(*run.exit) + lasted : run.end_reason;
}

void fail_and_retry(Service& service, const Run& run, const Surroundings& surroundings, Instant now,
                    Output& output) {
    const RestartPolicy& policy = service.policy.restart;
    const std::string ended = how_it_ended(service, run);
    if (run.ended_at - run.launched_at >= policy.stable_after) service.attempt = 0;
    if (policy.give_up && service.attempt >= policy.attempts) {
        enter(service, State::failed,
              ended + "; gave up after " + std::to_string(service.attempt) + " retries", now, output);
        return;
    }
    const Duration delay = delay_before_retry(service, surroundings.seed);
    service.retry_at = after(now, delay);
    // The first failure after a stable run is no storm; those that follow share the host's budget.
    if (service.attempt > 0 && surroundings.budget != nullptr)
        service.retry_at = std::max(service.retry_at, surroundings.budget->reserve(now));
    ++service.attempt;
    enter(service, State::backoff,
          ended + "; retry " + std::to_string(service.attempt) + " in " +
              format_duration_rounded(service.retry_at - now),
          now, output);
}

// The instance ended without anybody's wish, or by a probe's.
void judge(Service& service, const Run& run, const Surroundings& surroundings, Instant now, Output& output) {
    const bool success = succeeded(service, run);
    const RestartWhen when = service.policy.restart.when;
    if (success && (service.policy.kind == Kind::job || when != RestartWhen::always)) {
        service.attempt = 0;
        const std::string lasted = format_duration_rounded(run.ended_at - run.launched_at);
        enter(service, State::done,
              ended_unseen(run) ? how_it_ended(service, run) : "completed after " + lasted, now, output);
    } else if (run.cause == EndCause::probe_stop) {
        enter(service, State::failed, how_it_ended(service, run) + "; stopped (on_failure)", now, output);
    } else if (when == RestartWhen::never) {
        enter(service, State::failed, how_it_ended(service, run) + "; not restarted (restart policy)", now,
              output);
    } else {
        fail_and_retry(service, run, surroundings, now, output);
    }
}

bool ended_by_wish(const Run& run) {
    return run.cause == EndCause::stopped || run.cause == EndCause::restarted ||
           run.cause == EndCause::dependency_lost;
}

std::string why_again(const Service& service, const Run& run) {
    if (run.cause == EndCause::restarted) return run.end_reason;
    if (service.restart_wanted) return service.restart_cause;
    // A start that overtook the stop; or it was ended because a dependency was lost.
    return run.cause == EndCause::stopped ? "started by " + service.commanded_by
                                          : "its dependencies are there";
}

}  // namespace

bool is_completing(const Service& service) {
    return service.policy.kind == Kind::job && service.run && service.run->exit &&
           succeeded(service, *service.run);
}

void conclude(Service& service, const Surroundings& surroundings, Instant now, Output& output) {
    const Run run = std::move(*service.run);
    service.run.reset();
    const bool job_done = service.policy.kind == Kind::job && succeeded(service, run);
    const bool wished = service.restart_wanted || ended_by_wish(run);
    if (!job_done && !is_up(service, surroundings)) {
        const std::string how = run.exit ? ", " + describe(*run.exit) : "";
        enter(service, State::stopped, (run.end_reason.empty() ? "stopped" : run.end_reason) + how, now,
              output);
    } else if (run.never_ran && !wished) {  // no failure: it was not tried
        service.launch_counted = true;
        set_out(service, surroundings, "dpsupd ended before its turn had come", now, output);
    } else if (!job_done && wished) {
        service.attempt = 0;
        set_out(service, surroundings, why_again(service, run), now, output);
    } else {
        judge(service, run, surroundings, now, output);
    }
}

}  // namespace dpsup::core
