// The simulated host: processes that are launched, signalled, probed and killed in virtual time, and a post
// office between them and the core that loses, delays, doubles and reorders what it may. It knows the truth
// about every process; the referee asks it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/supervise/effect.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/policy.hpp"
#include "sim/agenda.hpp"
#include "sim/habits.hpp"

namespace dpsup::sim {

// Probabilities. All zero: the world is reliable.
struct Faults {
    double launch_lost = 0;
    double signal_lost = 0;
    double kill_lost = 0;
    double probe_lost = 0;
    double answer_lost = 0;
    double late = 0;
    double doubled = 0;
    double replayed = 0;  // an old message turns up again after a new one
};
[[nodiscard]] Faults some_faults(Random& random);

class World {
public:
    using Tell = std::function<void(core::Event)>;

    World(std::uint64_t seed, Agenda& agenda, const Faults& faults, Tell tell);

    // What a launch would find on disk. To be called when a configuration was handed to the core.
    void configure(ServiceId service, const core::Policy& policy);
    void perform(const core::Effect& effect);

    // The daemon dies: nobody hears anything until it is back, and what it was about to launch may or may not have been
    // born.
    void crash();
    void back() { down_ = false; }

    // From now on nothing is lost, and every program is sound but for its service's flaw.
    void calm_down();

    // --- The truth, for the referee ---

    // Instances that have a process, or whose launch is still on its way.
    [[nodiscard]] std::size_t live_instances(ServiceId service) const;
    [[nodiscard]] bool sound(ServiceId service) const;
    [[nodiscard]] std::size_t forgotten_with_processes() const { return forgotten_with_processes_; }

private:
    enum class Main : std::uint8_t { pending, alive, gone };

    struct Instance {
        Generation generation;
        Habits habits;
        Main main = Main::pending;
        unsigned children = 0;
        bool dying = false;
        bool ready_said = false;
        Instant begun{};
        Instant last_ping{};
        unsigned life = 0;  // counts changes of plan, so that what was planned before is void
    };
    struct Site {
        core::Policy policy;
        Temperament temperament;
        std::vector<Instance> instances;
        std::vector<Generation> kills;  // KillTree requests that wait for their answer
        Generation highest;             // launched; effects of one service come in order
        Generation queued;              // its turn had not come when the daemon died
    };

    void perform(ServiceId service, Generation generation, const core::Launch& launch);
    void perform(ServiceId service, Generation generation, const core::Adopt& adopt);
    void perform(ServiceId service, Generation generation, const core::SendSignal& signal);
    void perform(ServiceId service, Generation generation, const core::KillTree& kill);
    void perform(ServiceId service, Generation generation, const core::RunProbe& probe);
    void perform(ServiceId service, Generation generation, const core::Reload& reload);
    void perform(ServiceId service, Generation generation, const core::Forget& forget);
    void perform(ServiceId /*service*/, Generation /*generation*/, const core::Hold& /*hold*/) {}
    void perform(ServiceId /*service*/, Generation /*generation*/, const core::Release& /*release*/) {}

    void begin(ServiceId service, Generation generation, bool answer_lost);
    void live(ServiceId service, Instance& instance);
    void plan_ready(ServiceId service, Instance& instance);
    void ping(ServiceId service, Generation generation, unsigned life);
    void end_main(ServiceId service, Generation generation, core::Exited exit);
    void end_children(ServiceId service, Generation generation);
    void end_tree(ServiceId service, Generation generation);
    void bury(ServiceId service, Generation generation);
    void heed(ServiceId service, Instance& instance, int signal, bool whole_tree);
    void answer_kills(ServiceId service);
    void calm_down(ServiceId service, Instance& instance);
    [[nodiscard]] core::ProbeOutcome probe_now(const Instance* instance, ServiceId service);
    [[nodiscard]] bool sick_now(ServiceId service, const Instance& instance) const;

    // Hands a message to the core after `wait`, with what the post office does to it. `may_be_lost`: not for
    // exits.
    void post(Duration wait, ServiceId service, Generation generation, core::Fact fact, bool may_be_lost);
    void deliver(const core::Event& event, unsigned to);

    [[nodiscard]] Site& site(ServiceId service);
    [[nodiscard]] const Site* find(ServiceId service) const;
    [[nodiscard]] Instance* find(ServiceId service, Generation generation);

    std::uint64_t seed_;
    Random random_;
    Agenda& agenda_;
    Faults faults_;
    Tell tell_;
    std::map<ServiceId, Site> sites_;
    std::deque<core::Event> delivered_;  // the last few, for replays
    bool calm_ = false;
    bool down_ = false;
    unsigned daemon_ = 0;  // counts daemons: what was told to an earlier one is lost
    int next_pid_ = 1000;
    std::size_t forgotten_with_processes_ = 0;
};

}  // namespace dpsup::sim
