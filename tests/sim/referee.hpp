// Watches a core at work and says when it breaks a promise. It is told each event, what the core did about it
// and when, and keeps its own books (books.hpp); the truth about processes it asks of the world. The promises:
//
// clang-format off
//   one instance        no Launch while a process of an earlier instance lives or may come to live
//   dependencies        no Launch before the conditions of all hard dependencies hold
//   wanted down         what is not wanted up is not launched, and ends
//   backoff             no relaunch after a failure before its delay, unless a command says so
//   budget              relaunches after failures stay within the host-wide budget
//   policy              `never`, `give_up`, probes that say stop: no relaunch without a command; done is done
//   stop with a reason  no instance is signalled or killed without one, nor before its time
//   stop order          nothing is stopped while a dependent that is also to stop still lives
//   probes              one run of a probe at a time, only of an instance that runs, no oftener than asked
//   stale facts         what is said about an earlier instance changes nothing
//   honest states       every state that the core tells of is one that the books can explain; none is stuck
//   durable facts       what must outlive the daemon is named in `remember` when it changes
//   quiet               no deadline in the past, and asking twice changes nothing
//   shutdown            ends with all_stopped, once, with nothing left
//   bounded             the core's memory does not grow with time
//   liveness            in a world that became calm, what is wanted comes about
// clang-format on
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/supervise/supervisor.hpp"
#include "sim/books.hpp"
#include "sim/world.hpp"

namespace dpsup::sim {

// Thrown by the referee: the run is over.
struct Broken {
    std::string promise;
    std::string how;
};

class Referee {
public:
    Referee(const core::Supervisor& core, const World& world) : core_(core), world_(world) {}

    // `deadline_due`: the core's own deadline had come before this event.
    void judge(const core::Event& event, const core::Output& output, Instant now, bool deadline_due);
    // Another daemon has taken over: its first output.
    void judge_takeover(const core::Output& output, Instant now);
    // An extra DeadlineReached right after a step must do nothing.
    void judge_idle(const core::Output& output, Instant now) const;
    // Looks at every service, for what was due and did not happen.
    void look_around(Instant now);
    // In the calm: empty once all is as wanted, else what is not (the first of it).
    [[nodiscard]] std::string unsettled() const;
    // Those whose delay cannot be known now, and may move at any time, need not be settled until this is taken back.
    void excuse_unsure(bool excuse);

    [[nodiscard]] bool all_stopped() const { return all_stopped_; }
    [[nodiscard]] const std::map<ServiceId, Account>& accounts() const { return accounts_; }

private:
    // --- referee_facts.cpp: what the core was told ---
    void take(const core::ServiceEvent& event, Instant now);
    void take(const core::Command& command, Instant now);
    void take(const core::ConfigLoaded& loaded, Instant now);
    void take(const core::ShutdownRequested& request, Instant now);
    void take(const core::DeadlineReached& reached, Instant now);
    void note_fact(Account& account, const core::Launched& fact, Instant now);
    void note_fact(Account& account, const core::LaunchFailed& fact, Instant now);
    void note_fact(Account& account, const core::NotLaunched& fact, Instant now);
    void note_fact(Account& account, const core::Signaled& fact, Instant now);
    void note_fact(Account& account, const core::Notified& fact, Instant now);
    void note_fact(Account& account, const core::Exited& fact, Instant now);
    void note_fact(Account& account, const core::Emptied& fact, Instant now);
    void note_fact(Account& account, const core::Probed& fact, Instant now);
    void note_fact(Account& account, const core::Reloaded& fact, Instant now);
    void command_one(Account& account, const core::Command& command, bool named, Instant now);
    void change_one(const core::ServiceChange& change, Instant now);
    static void update(Account& account, const core::Policy& policy, Instant now);
    static void note_readiness(Account& account, Instant now);
    static void replace_probes(RunBook& run, const core::Policy& policy, bool well);
    [[nodiscard]] std::optional<ServiceId> named(const std::string& name) const;
    static void take_over(Account& account, Instant now);
    void rebuild_graph();
    void check_targets(const core::Command& command, const std::vector<ServiceId>& targets) const;
    void instance_ended(Account& account, Instant now);
    void dependency_lost(Account& dependency, bool surely);
    void conclude(Account& account, Instant now);
    void count_failure(Account& account, const RunBook& run, Instant now);

    // --- referee_effects.cpp: what the core asked for ---
    void take_effect(const core::Event& event, const core::Effect& effect, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Launch& launch, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Adopt& adopt, Instant now);
    void check(Account& account, const core::Effect& effect, const core::SendSignal& signal, Instant now);
    void check(Account& account, const core::Effect& effect, const core::KillTree& kill, Instant now);
    void check(Account& account, const core::Effect& effect, const core::RunProbe& probe, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Reload& reload, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Hold& hold, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Release& release, Instant now);
    void check(Account& account, const core::Effect& effect, const core::Forget& forget, Instant now);
    void check_held() const;
    void check_budget(const Account& account, Instant now);
    void begin_stop(Account& account, Instant now);
    void check_stop_order(const Account& account) const;
    [[nodiscard]] Reasons reasons_to_end(const Account& account, Instant now) const;

    // --- referee_states.cpp: what the core says of itself ---
    void take_note(const core::Note& note);
    void notice_return(Account& account) const;
    void check_state(const Account& account, Instant now) const;
    void check_duties(const Account& account, Instant now) const;
    void check_durable(const Account& account, const core::Output& output);
    [[nodiscard]] bool namesake_runs(const Account& account) const;
    [[nodiscard]] bool explains_waiting(const Account& account) const;
    [[nodiscard]] bool to_stop(const Account& account) const;
    [[nodiscard]] bool up(const Account& account) const;
    [[nodiscard]] bool steady(const Account& account, std::map<ServiceId, bool>& known) const;
    [[nodiscard]] std::string unsettled(const Account& account, std::map<ServiceId, bool>& known) const;

    [[nodiscard]] Account& at(ServiceId service);
    [[nodiscard]] const Account& at(ServiceId service) const;
    void touch(ServiceId service);
    [[noreturn]] void broken(const char* promise, const Account& account, const std::string& how) const;

    struct Durable {
        core::Wanted wanted = core::Wanted::down;
        bool done = false;
    };

    const core::Supervisor& core_;
    const World& world_;
    std::map<ServiceId, Account> accounts_;
    std::map<std::string, ServiceId> by_name_;
    std::map<ServiceId, Durable> durable_;
    std::vector<ServiceId> touched_;
    std::vector<ServiceId> killed_by_command_;  // in this step
    int kill_signal_ = 0;
    bool shutting_down_ = false;
    bool all_stopped_ = false;
    bool deadlines_count_ = false;  // in this step
    bool stale_ = false;            // the event of this step was about an earlier instance
    double burst_most_ = 0;
    double burst_least_ = 1e9;
    double rate_most_ = 0;
    double rate_least_ = 1e9;
    Duration delay_most_{};
    double relaunches_ = 0;        // leaky bucket of what happened
    Instant took_over_at_{};       // when the present daemon began
    std::ptrdiff_t promised_ = 0;  // restarts that an earlier daemon's budget had let happen later
    Instant leaked_at_{};
    double reserved_ = 0;  // leaky bucket of what failures may have reserved
    Instant reserved_at_{};
};

}  // namespace dpsup::sim
