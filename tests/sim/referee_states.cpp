// What the core says of itself, against the books.
#include <algorithm>

#include "sim/referee.hpp"

namespace dpsup::sim {

using namespace std::chrono_literals;
using core::Condition;
using core::Kind;
using core::OnDependencyLoss;
using core::OnProbeFailure;
using core::ProbeRole;
using core::State;
using core::Wanted;

void Referee::take_note(const core::Note& note) {
    auto& account = at(note.service);
    touch(note.service);
    if (note.from != account.told)
        broken("honest states", account, "a note starts from a state in which it was not");
    if (note.reason.empty()) broken("honest states", account, "a decision without a reason");
    account.told = note.to;
}

bool Referee::up(const Account& account) const {
    return account.wanted == Wanted::up && !account.removed && !shutting_down_;
}

bool Referee::to_stop(const Account& account) const {
    return !up(account) || account.restart_pending;
}

// A removed service of the same name is not gone yet.
bool Referee::namesake_runs(const Account& account) const {
    return std::ranges::any_of(accounts_, [&](const auto& entry) {
        const auto& [id, other] = entry;
        return id < account.id && !other.forgotten && other.policy.name == account.policy.name && other.run;
    });
}

bool Referee::explains_waiting(const Account& account) const {
    if (namesake_runs(account)) return true;
    return std::ranges::any_of(account.dependencies, [&](const Edge& edge) {
        if (!edge.service) return !edge.optional;
        const auto& dependency = at(*edge.service);
        const bool restarts = dependency.run && dependency.run->was_back;  // it may, for a dependency's sake
        if (!edge.optional) return restarts || !holds(dependency, edge.condition);
        return dependency.told == State::waiting || dependency.told == State::starting;
    });
}

void Referee::notice_return(Account& account) const {
    if (account.run && account.run->lost && !explains_waiting(account)) account.run->was_back = true;
}

void Referee::check_state(const Account& account, Instant now) const {
    const auto* service = core_.find(account.id);
    if (account.forgotten != (service == nullptr))
        broken("shutdown", account, "the core and its effects disagree on whether it exists");
    if (!service) return;
    if (service->state != account.told) broken("honest states", account, "its state changed without a note");
    if (service->wanted != account.wanted)
        broken("wanted down", account, "what is wanted of it is not what was commanded");
    const auto require = [&](bool condition, const char* how) {
        if (!condition) broken("honest states", account, how);
    };
    const bool runs = account.run.has_value();
    const bool ending = runs && account.run->ending();
    const bool unsure = account.hold_unsure;
    require(!account.held || !core::is_resting(account.told), "its clients wait, though nothing will come");
    switch (account.told) {
        case State::stopped:
            require(!runs && (!up(account) || unsure), "stopped, though it runs or is wanted up");
            break;
        case State::waiting:
            require(!runs && account.wanted == Wanted::up && !account.removed,
                    "waits, though it runs or is wanted down");
            require(shutting_down_ || explains_waiting(account), "waits for nothing");
            break;
        case State::starting:
            require(runs && !ending, "starting, though nothing starts");
            require(!account.ready(), "starting, though it is ready");
            break;
        case State::ready:
            require(runs && !ending && account.run->launched, "ready, though it does not run");
            require(account.ready(), "ready, though it is not well");
            break;
        case State::unhealthy:
            require(runs && !ending && account.run->launched, "unhealthy, though it does not run");
            require(!account.ready(), "unhealthy, though it is well");
            break;
        case State::stopping:
            require(ending, "stopping, though nothing ends");
            break;
        case State::backoff:
            require(!runs && account.wanted == Wanted::up && (account.retrying || unsure),
                    "in backoff without a failure");
            require(unsure || now <= account.not_after || shutting_down_, "in backoff for too long");
            break;
        case State::failed:
            require(!runs && (account.failed || unsure), "failed, though its policy has not given up");
            break;
        case State::done:
            require(!runs && (account.done || unsure), "done, though it did not finish");
            break;
        case State::unknown:
            require(false, "unknown, though nobody said so");
            break;
    }
}

// What the core must have done by now.
void Referee::check_duties(const Account& account, Instant now) const {
    if (!account.run || account.forgotten) return;
    const auto& run = *account.run;
    const auto& policy = account.policy;
    const auto duty = [&](bool neglected, const char* how) {
        if (neglected) broken("honest states", account, how);
    };
    const auto slack = 3s;
    duty(!run.launched && !run.killed_at && now > run.asked_at + 5min,
         "a launch has not been answered for five minutes");
    const auto longest = *std::ranges::max_element(run.stop_timeouts);
    if (run.killed_at) duty(now > *run.killed_at + 2min, "a kill that had no answer was not repeated");
    const Instant ending_since = run.stopped_at && run.exit ? std::max(*run.stopped_at, run.exit_at)
                                 : run.exit                 ? run.exit_at
                                                            : run.stopped_at.value_or(now);
    if (run.ending() && !run.killed_at)
        duty(now > std::max(ending_since + 2 * longest, run.extended_until) + 10s,
             "something of it lives on long after its stop timeout");
    if (run.ending() || !run.launched) return;
    if (!run.timeouts_unsure) {
        // Who was away when its time was over can only say so once back.
        const auto start_end =
            std::max({run.start_from + policy.start_timeout, run.extended_until, took_over_at_});
        // After a stall its probes are asked once more.
        Duration asked_again{};
        for (const core::ProbePolicy& probe : policy.probes)
            asked_again += 2 * probe.timeout + std::max<Duration>(probe.start_interval, 10ms) + 50ms;
        duty(policy.start_timeout > 0s && !run.was_ready && now > start_end + asked_again + slack,
             "its start timeout was forgotten");
        duty(policy.watchdog > 0s && run.heard && run.was_ready &&
                 now > run.pinged_at + policy.watchdog + policy.watchdog / 2 +
                           slack,  // half more after a stall
             "its watchdog was forgotten");
    }
    const bool blocked = std::ranges::any_of(account.dependents, [&](const Edge& edge) {
        const auto& dependent = at(*edge.service);
        return dependent.run && (to_stop(dependent) || dependent.run->lost);
    });
    const bool all_hold = !explains_waiting(account);
    const bool lost = run.lost_surely && !to_stop(account);
    duty(lost && run.on_losses == std::set{OnDependencyLoss::stop},
         "goes on, though it is to stop with its dependency");
    duty(lost && run.on_losses == std::set{OnDependencyLoss::restart} && all_hold && !blocked,
         "was not restarted when its dependency came back");
    for (std::size_t i = 0; i < policy.probes.size(); ++i)
        duty(run.probes[i].verdict == ProbeBook::Verdict::failing &&
                 policy.probes[i].on_failure != OnProbeFailure::alert,
             "goes on, though a probe has failed that ends it");
    duty(to_stop(account) && !blocked, "goes on, though it is to stop and nothing holds it");
}

void Referee::check_durable(const Account& account, const core::Output& output) {
    const auto* service = core_.find(account.id);
    if (!service) return;
    const Durable now{service->wanted, service->state == State::done && service->policy.kind == Kind::job};
    const auto [entry, fresh] = durable_.try_emplace(account.id, now);
    if (std::ranges::find(output.remember, account.id) != output.remember.end()) entry->second = now;
    if (entry->second.wanted != now.wanted || entry->second.done != now.done)
        broken("durable facts", account,
               "what is wanted, or that it is done, changed without being remembered");
}

// Nothing stands in its way: in the calm it must get where it is wanted.
bool Referee::steady(const Account& account, std::map<ServiceId, bool>& known) const {
    if (const auto found = known.find(account.id); found != known.end()) return found->second;
    bool good = up(account) && world_.sound(account.id) && !account.failed && !account.hold_unsure &&
                !account.excused;
    for (const auto& edge : account.dependencies) {
        if (!good) break;
        if (!edge.service) {
            good = edge.optional;
            continue;
        }
        const auto& dependency = at(*edge.service);
        const bool is_steady = steady(dependency, known);
        const bool finishes = dependency.policy.kind == Kind::job || dependency.done;
        const bool job = dependency.policy.kind == Kind::job;
        const bool can_hold = is_steady && (edge.condition == Condition::started
                                                ? job || !finishes
                                                : (edge.condition == Condition::done) == finishes);
        good = edge.optional ? is_steady || !up(dependency) : can_hold;
    }
    return known[account.id] = good;
}

std::string Referee::unsettled(const Account& account, std::map<ServiceId, bool>& known) const {
    const auto complaint = [&](const char* expected) {
        return account.policy.name + " is " + std::string(to_string(account.told)) + ", but should be " +
               expected;
    };
    if (account.forgotten) return {};
    if (account.removed) return complaint("forgotten");
    if (!up(account)) {
        const bool rests =
            account.told == State::stopped || account.told == State::done || (shutting_down_ && !account.run);
        return rests ? "" : complaint("stopped");
    }
    if (!steady(account, known)) return {};
    const bool finishes = account.policy.kind == Kind::job || account.done;
    if (finishes) return account.told == State::done ? "" : complaint("done");
    return account.told == State::ready ? "" : complaint("ready");
}

void Referee::excuse_unsure(bool excuse) {
    for (auto& [id, account] : accounts_) account.excused = excuse && account.hold_unsure;
}

std::string Referee::unsettled() const {
    std::map<ServiceId, bool> known;
    for (const auto& [id, account] : accounts_)
        if (auto what = unsettled(account, known); !what.empty()) return what;
    return {};
}

}  // namespace dpsup::sim
