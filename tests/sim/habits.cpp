#include "sim/habits.hpp"

namespace dpsup::sim {
namespace {

using namespace std::chrono_literals;

// Most services are unremarkable in most ways.
double sometimes(Random& random, double share, double most) {
    return random.chance(share) ? random.real(0, most) : 0;
}

core::Exited some_failure(Random& random) {
    core::Exited exit;
    const auto roll = random.unit();
    if (roll < 0.6) {
        exit.code = static_cast<int>(random.between(1, 255));
    } else if (roll < 0.9) {
        exit.kind = core::ExitKind::signaled;
        exit.code = random.pick<int>({6, 9, 11, 15});
        exit.core_dumped = exit.code == 11;
        exit.out_of_memory = exit.code == 9 && random.chance(0.5);
    } else {
        exit.kind = core::ExitKind::unknown;
    }
    return exit;
}

}  // namespace

Temperament some_temperament(Random& random) {
    Temperament t;
    t.launch_fails = sometimes(random, 0.2, 0.6);
    t.launch_slow = sometimes(random, 0.2, 0.3);
    if (random.chance(0.5)) t.lifetime = random.duration(1ms, 300s);
    t.exits_zero = random.chance(0.5) ? 0 : random.real(0, 1);
    t.leaves_children = sometimes(random, 0.4, 1);
    t.ignores_signals = sometimes(random, 0.3, 1);
    t.unkillable = sometimes(random, 0.2, 0.5);
    t.never_ready = sometimes(random, 0.3, 0.5);
    t.extends = sometimes(random, 0.3, 1);
    t.hangs = sometimes(random, 0.3, 0.5);
    t.sick = sometimes(random, 0.4, 0.6);
    t.flips = sometimes(random, 0.3, 0.3);
    t.probe_hangs = sometimes(random, 0.3, 0.3);
    t.probe_unknown = sometimes(random, 0.3, 0.3);
    if (random.chance(0.15)) t.flaw = random.pick<Flaw>({Flaw::crashes, Flaw::not_there, Flaw::never_ready});
    return t;
}

Habits wild_habits(const Temperament& t, core::Kind kind, Random& random) {
    Habits h;
    h.launch_takes = random.chance(t.launch_slow) ? random.duration(100ms, 60s) : random.duration(20us, 20ms);
    h.launch_fails = random.chance(t.launch_fails);
    if (t.lifetime > 0s) h.lives = random.duration(Duration(1us), 3 * t.lifetime);
    if (kind == core::Kind::job && t.lifetime == 0s) h.lives = random.duration(1ms, 60s);
    const bool zero = kind == core::Kind::job ? random.chance(0.7) : random.chance(t.exits_zero);
    if (!zero) h.exit = some_failure(random);
    if (random.chance(t.leaves_children)) h.children = static_cast<unsigned>(random.between(1, 4));
    h.children_live = random.chance(0.5) ? random.duration(1ms, 2s) : random.duration(1s, 600s);
    h.ignores_signals = random.chance(t.ignores_signals);
    h.dies_within = random.chance(0.8) ? random.duration(50us, 50ms) : random.duration(10ms, 15s);
    if (random.chance(t.unkillable)) h.unkillable_for = random.duration(100ms, 120s);
    if (!random.chance(t.never_ready))
        h.ready_after = random.chance(0.8) ? random.duration(1ms, 1s) : random.duration(1s, 90s);
    h.extends = random.chance(t.extends);
    if (random.chance(t.hangs)) h.pings_until = random.duration(1s, 300s);
    h.sick = t.sick;
    h.flips = t.flips;
    h.probe_hangs = t.probe_hangs;
    h.probe_unknown = t.probe_unknown;
    return h;
}

Habits calm_habits(Flaw flaw, core::Kind kind, Random& random) {
    Habits h;
    h.launch_takes = random.duration(20us, 20ms);
    h.dies_within = random.duration(50us, 50ms);
    h.ready_after = random.duration(1ms, 1s);
    if (kind == core::Kind::job) h.lives = random.duration(1ms, 3s);
    if (flaw == Flaw::not_there) h.launch_fails = true;
    if (flaw == Flaw::crashes) {
        h.lives = random.duration(100us, 10s);
        h.exit = some_failure(random);
    }
    if (flaw == Flaw::never_ready) {
        h.ready_after.reset();
        h.sick = 1;
    }
    return h;
}

}  // namespace dpsup::sim
