#include "sim/referee.hpp"

#include <algorithm>

namespace dpsup::sim {

using core::State;

void Referee::judge(const core::Event& event, const core::Output& output, Instant now, bool deadline_due) {
    touched_.clear();
    killed_by_command_.clear();
    stale_ = false;
    deadlines_count_ = std::holds_alternative<core::DeadlineReached>(event);
    std::visit([&](const auto& e) { take(e, now); }, event);
    const bool silent = output.effects.empty() && output.notes.empty() && output.remember.empty();
    if (stale_ && !silent && !deadline_due)
        throw Broken{"stale facts", "a fact about an earlier instance changed something"};

    for (const auto& effect : output.effects) take_effect(event, effect, now);
    for (const auto& note : output.notes) take_note(note);
    if (output.all_stopped) {
        if (!shutting_down_ || all_stopped_)
            throw Broken{"shutdown", "all_stopped was told without a shutdown, or twice"};
        all_stopped_ = true;
        for (const auto& [id, account] : accounts_)
            if (account.run || world_.live_instances(id) > 0)
                broken("shutdown", account, "all_stopped, though something runs");
    }
    std::ranges::sort(touched_);
    const auto repeated = std::ranges::unique(touched_);
    touched_.erase(repeated.begin(), repeated.end());
    for (const auto id : touched_) {
        auto& account = at(id);
        check_durable(account, output);
        notice_return(account);
        for (const auto& edge : account.dependents) notice_return(at(*edge.service));
        check_state(account, now);
        check_duties(account, now);
        for (const auto* edges : {&account.dependencies, &account.dependents})
            for (const auto& edge : *edges) {
                if (!edge.service) continue;
                check_state(at(*edge.service), now);
                check_duties(at(*edge.service), now);
            }
    }
}

void Referee::judge_takeover(const core::Output& output, Instant now) {
    took_over_at_ = now;
    touched_.clear();
    killed_by_command_.clear();
    deadlines_count_ = false;
    // The new one's budget is full, and what the old one's had promised for later is kept.
    relaunches_ = 0;
    promised_ = std::ranges::count_if(accounts_, [](const auto& one) { return one.second.retrying; });
    for (auto& [id, account] : accounts_)
        if (!account.forgotten) take_over(account, now);
    for (const auto& effect : output.effects) take_effect(core::DeadlineReached{}, effect, now);
    for (const auto& note : output.notes) take_note(note);
    check_held();
    for (const auto& [id, account] : accounts_)
        check_state(account, now);  // duties begin with its first deadline
}

void Referee::judge_idle(const core::Output& output, Instant) const {
    if (!output.effects.empty() || !output.notes.empty() || !output.remember.empty() || output.all_stopped)
        throw Broken{"quiet", "a second step at the same instant did something"};
}

void Referee::look_around(Instant now) {
    for (const auto& [id, account] : accounts_) {
        check_state(account, now);
        check_duties(account, now);
    }
}

Account& Referee::at(ServiceId service) {
    return accounts_.at(service);
}
const Account& Referee::at(ServiceId service) const {
    return accounts_.at(service);
}

void Referee::touch(ServiceId service) {
    touched_.push_back(service);
}

void Referee::broken(const char* promise, const Account& account, const std::string& how) const {
    const auto neighbour = [](const Account& other) {
        return other.policy.name + " (" + std::to_string(other.id.value) + ") " +
               std::string(to_string(other.told)) + (other.run ? ", runs" : "") +
               (other.wanted == core::Wanted::up ? "" : ", not wanted") +
               (other.restart_pending ? ", to restart" : "") + (other.removed ? ", removed" : "");
    };
    std::string around;
    for (const auto& edge : account.dependencies)
        around += "; depends on " + (edge.service ? neighbour(at(*edge.service)) : "nobody") +
                  (edge.optional ? ", optional" : "") +
                  (edge.service && holds(at(*edge.service), edge.condition) ? ", holds" : "");
    for (const auto& edge : account.dependents) around += "; needed by " + neighbour(at(*edge.service));
    throw Broken{promise,
                 account.policy.name + " (" + std::to_string(account.id.value) + "): " + how + around};
}

}  // namespace dpsup::sim
