// What the core was told, as the referee's books understand it.
#include <algorithm>

#include "sim/referee.hpp"

namespace dpsup::sim {

using namespace std::chrono_literals;
using core::Change;
using core::Condition;
using core::Kind;
using core::OnDependencyLoss;
using core::RestartWhen;
using core::State;
using core::Verb;
using core::Wanted;

namespace {

// Exit 0 is the end of it.
bool finishes(const Account& account) {
    return account.policy.kind == Kind::job || account.policy.restart.when != RestartWhen::always;
}

// By itself, and well. Where nobody saw how, the policy says which it was, unless nobody saw it run either.
bool succeeded(const Account& account, const RunBook& run) {
    if (run.stopped_at) return false;
    const bool seen = run.exit && (run.exit->kind != core::ExitKind::unknown || run.exit->out_of_memory);
    return seen ? run.exit->success()
                : run.launched && account.policy.restart.on_unknown == core::UnknownEnd::success;
}

}  // namespace

void Referee::take(const core::ServiceEvent& event, Instant now) {
    const auto found = accounts_.find(event.service);
    if (found == accounts_.end() || found->second.forgotten || !found->second.run ||
        found->second.run->generation != event.generation) {
        stale_ = true;
        return;
    }
    touch(event.service);
    std::visit([&](const auto& fact) { note_fact(found->second, fact, now); }, event.fact);
}

// The watchdog counts from here: who starts slowly does not ping before.
void Referee::note_readiness(Account& account, Instant now) {
    auto& run = *account.run;
    if (run.was_ready || !account.ready()) return;
    run.was_ready = true;
    run.pinged_at = now;
}

void Referee::note_fact(Account& account, const core::Launched&, Instant now) {
    auto& run = *account.run;
    run.launched = true;
    note_readiness(account, now);
}

void Referee::note_fact(Account& account, const core::LaunchFailed&, Instant now) {
    if (!account.run->launched) instance_ended(account, now);
}

void Referee::note_fact(Account& account, const core::NotLaunched&, Instant now) {
    account.run->never_ran = !account.run->ending();
    instance_ended(account, now);
}

void Referee::note_fact(Account& account, const core::Signaled&, Instant) {
    account.run->signal_told |= account.run->stopped_at && !account.run->killed_at;
}

void Referee::note_fact(Account& account, const core::Notified& fact, Instant now) {
    auto& run = *account.run;
    run.notified |= fact.ready;
    if (fact.watchdog || (fact.listening && !run.heard)) run.pinged_at = now;
    run.heard |= fact.listening;
    if (fact.extend_timeout) run.extended_until = std::max(run.extended_until, now + *fact.extend_timeout);
    note_readiness(account, now);
}

void Referee::note_fact(Account& account, const core::Exited& fact, Instant now) {
    auto& run = *account.run;
    if (!run.exit) {
        run.exit = fact;
        const bool completes = account.policy.kind == Kind::job && succeeded(account, run);
        if (!run.stopped_at && !completes) dependency_lost(account, false);
        run.exit_at = now;
    }
}

void Referee::note_fact(Account& account, const core::Emptied&, Instant now) {
    instance_ended(account, now);
}

void Referee::note_fact(Account& account, const core::Probed& fact, Instant now) {
    auto& run = *account.run;
    if (fact.probe >= account.policy.probes.size()) return;
    run.probes[fact.probe].take_in(account.policy.probes[fact.probe], fact, run.asked_at, now);
    note_readiness(account, now);
}

void Referee::note_fact(Account&, const core::Reloaded&, Instant) {}

// The last process is gone, or there never was one.
void Referee::instance_ended(Account& account, Instant now) {
    const auto& run = *account.run;
    if (!run.ending()) dependency_lost(account, false);
    const bool completed = finishes(account) && succeeded(account, run);
    dependency_lost(account, run.launched && !completed);
    conclude(account, now);
}

void Referee::dependency_lost(Account& dependency, bool surely) {
    for (const auto& edge : dependency.dependents) {
        auto& dependent = at(*edge.service);
        if (edge.optional || !dependent.run) continue;
        const std::pair instance(dependency.id, dependency.run->generation);
        dependent.run->lost = true;
        dependent.run->on_losses.insert(dependent.policy.on_dependency_loss);
        if (!surely) dependent.run->losing.insert(instance);
        if (!surely || !dependent.run->losing.erase(instance) || edge.condition == Condition::done ||
            dependent.run->ending() || to_stop(dependent))
            continue;
        dependent.run->lost_surely = true;
    }
}

// What must and what may come after the instance.
void Referee::conclude(Account& account, Instant now) {
    const RunBook run = std::move(*account.run);
    account.run.reset();
    account.retrying = false;
    account.not_before = now;
    account.not_after = instant_never;
    const Instant ended = std::min({now, run.exit ? run.exit_at : now, run.stopped_at.value_or(now)});
    if (!run.never_ran && ended - run.asked_at >= account.policy.restart.stable_after)
        account.failures = account.retries = 0;
    const bool finished = succeeded(account, run);
    // It may have been about to be restarted for its dependency's sake.
    const bool perhaps = run.lost && !(run.on_losses == std::set{OnDependencyLoss::keep});
    if (finished && account.policy.kind == Kind::job) {
        account.hold_unsure |= perhaps;
        account.done = !account.restart_pending || !up(account);
        account.failures = account.retries = 0;  // a success ends the row
        return;
    }
    if (!up(account)) return;
    if (account.restart_pending || (run.stopped_at && run.reasons.harmless())) {
        const bool both = run.stopped_at && run.reasons.failing();
        account.hold_unsure |= both;
        account.retries_unsure |= both;
        account.failures = account.retries = 0;
        return;
    }
    if (run.never_ran) {  // it is launched at once, and nothing counts
        account.not_after = now;
        return;
    }
    if (run.stopped_at && run.reasons.probe_stop) {
        account.failed = true;
        account.hold_unsure |= run.reasons.probe_restart || run.reasons.start_timeout || run.reasons.watchdog;
        return;
    }
    const bool done = finished && finishes(account);
    if (done)
        account.done = true;
    else
        count_failure(account, run, now);
    if (!perhaps) return;
    account.hold_unsure = account.retries_unsure = true;
    account.failures = 0;
}

void Referee::count_failure(Account& account, const RunBook& run, Instant now) {
    const auto& restart = account.policy.restart;
    account.hold_unsure |= restart.give_up && account.retries_unsure;
    reserved_ =
        std::max(0.0, reserved_ - rate_least_ * std::chrono::duration<double>(now - reserved_at_).count()) +
        1;
    reserved_at_ = now;
    if (restart.when == RestartWhen::never || (restart.give_up && account.retries >= restart.attempts)) {
        account.failed = true;
        return;
    }
    account.retrying = true;
    const auto delay = static_cast<double>(account.delay(account.failures).count());
    ++account.failures;
    const Duration least(static_cast<Duration::rep>(delay * (1 - restart.jitter)));
    account.not_before = (run.exit ? run.exit_at : now) + least - 1us;
    const auto most = static_cast<double>(restart.delay_max.count()) * (1 + restart.jitter);
    const double queue = std::max(0.0, reserved_ - burst_least_ + 1) / rate_least_;
    account.not_after = now + Duration(static_cast<Duration::rep>(most)) +
                        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(queue)) + 2s;
    delay_most_ = std::max(delay_most_, Duration(static_cast<Duration::rep>(most)));
}

void Referee::take(const core::Command& command, Instant now) {
    const auto targets = core_.targets(command);
    check_targets(command, targets);
    if (command.verb == Verb::kill) {
        killed_by_command_ = targets;
        kill_signal_ = command.signal;
    }
    for (const auto id : targets) {
        const bool named = std::ranges::find(command.services, id) != command.services.end();
        command_one(at(id), command, named, now);
    }
}

void Referee::command_one(Account& account, const core::Command& command, bool named, Instant now) {
    touch(account.id);
    switch (command.verb) {
        case Verb::start:
            account.wanted = Wanted::up;
            if (account.policy.kind == Kind::service) account.done = false;
            if (!account.run && account.told != State::waiting) account.heard_of_command(now);
            account.hold_unsure |= account.run.has_value();
            break;
        case Verb::stop:
            account.wanted = Wanted::down;
            account.restart_pending = false;
            account.heard_of_command(now);
            account.hold_unsure |= account.done;
            if (account.run) account.run->forget_losses();  // whoever starts it again does so knowingly
            if (account.run)
                account.run->stop_timeouts.push_back(
                    command.stop_timeout.value_or(account.policy.stop_timeout));
            break;
        case Verb::restart:
            // A dependent that is swept along is restarted, never started.
            if (!named && (account.wanted == Wanted::down || !account.run)) break;
            account.done = false;
            account.wanted = Wanted::up;
            account.restart_pending = account.run.has_value();
            if (account.told != State::waiting) account.heard_of_command(now);
            if (account.run)
                account.run->stop_timeouts.push_back(
                    command.stop_timeout.value_or(account.policy.stop_timeout));
            break;
        case Verb::kill:
        case Verb::reload:
            break;
    }
}

// The closure over hard edges must be in, nothing beyond the closure over all edges may be.
void Referee::check_targets(const core::Command& command, const std::vector<ServiceId>& targets) const {
    const auto closure = [&](bool with_optional) {
        std::set<ServiceId> found(command.services.begin(), command.services.end());
        std::vector<ServiceId> todo(command.services.begin(), command.services.end());
        while (command.cascade && !todo.empty()) {
            const auto& account = at(todo.back());
            todo.pop_back();
            for (const auto& edge : command.verb == Verb::start ? account.dependencies : account.dependents)
                if (edge.service && (with_optional || !edge.optional) && found.insert(*edge.service).second)
                    todo.push_back(*edge.service);
        }
        return found;
    };
    const bool cascades = command.verb != Verb::kill && command.verb != Verb::reload;
    const std::set<ServiceId> got(targets.begin(), targets.end());
    const auto least = closure(false);
    const auto most = closure(true);
    if (cascades && (!std::ranges::includes(got, least) || !std::ranges::includes(most, got)))
        throw Broken{"cascade", "the targets of a command are not its services and their neighbours"};
}

void Referee::take(const core::ShutdownRequested&, Instant) {
    shutting_down_ = true;
    for (const auto& [id, account] : accounts_)
        if (!account.forgotten) touch(id);
}

void Referee::take(const core::DeadlineReached&, Instant) {}

}  // namespace dpsup::sim
