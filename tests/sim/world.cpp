#include "sim/world.hpp"

#include <algorithm>

namespace dpsup::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t replayable = 32;

}  // namespace

Faults some_faults(Random& random) {
    Faults faults;
    if (random.chance(0.15)) return faults;
    const double scale = random.chance(0.7) ? 0.02 : 0.2;
    for (auto* each : {&faults.launch_lost, &faults.signal_lost, &faults.kill_lost, &faults.probe_lost,
                       &faults.answer_lost, &faults.late, &faults.doubled, &faults.replayed})
        if (random.chance(0.7)) *each = random.real(0, scale);
    return faults;
}

World::World(std::uint64_t seed, Agenda& agenda, const Faults& faults, Tell tell)
    : seed_(seed), random_(seed), agenda_(agenda), faults_(faults), tell_(std::move(tell)) {}

void World::configure(ServiceId service, const core::Policy& policy) {
    const bool fresh = !sites_.contains(service);
    auto& site = sites_[service];
    site.policy = policy;
    if (fresh) site.temperament = some_temperament(random_);
}

void World::perform(const core::Effect& effect) {
    std::visit([&](const auto& action) { perform(effect.service, effect.generation, action); },
               effect.action);
}

void World::perform(ServiceId service, Generation generation, const core::Launch&) {
    auto& place = site(service);
    place.highest = std::max(place.highest, generation);
    if (random_.chance(faults_.launch_lost)) return;
    Instance instance;
    instance.generation = generation;
    instance.habits = calm_ ? calm_habits(place.temperament.flaw, place.policy.kind, random_)
                            : wild_habits(place.temperament, place.policy.kind, random_);
    const auto takes = instance.habits.launch_takes;
    const bool answer_lost = random_.chance(faults_.answer_lost);
    place.instances.push_back(std::move(instance));
    agenda_.in(takes, [=, this] { begin(service, generation, answer_lost); });
}

// The launch reaches exec, unless a KillTree has overtaken it.
void World::begin(ServiceId service, Generation generation, bool answer_lost) {
    auto* instance = find(service, generation);
    if (!instance || instance->main != Main::pending) return;
    if (instance->habits.launch_fails) {
        std::erase_if(site(service).instances, [&](const Instance& i) { return i.generation == generation; });
        if (!answer_lost)
            post(10us, service, generation, core::LaunchFailed{"exec", 2, "/usr/bin/program"}, false);
        answer_kills(service);
        return;
    }
    instance->main = Main::alive;
    instance->begun = agenda_.now();
    instance->children = instance->habits.children;
    if (!answer_lost) post(10us, service, generation, core::Launched{++next_pid_}, false);
    live(service, *instance);
}

// Plans the rest of its life, from now.
void World::live(ServiceId service, Instance& instance) {
    const auto generation = instance.generation;
    const auto life = ++instance.life;
    if (instance.habits.lives < 24h) {
        agenda_.in(instance.habits.lives, [=, this] {
            auto* i = find(service, generation);
            if (i && i->main == Main::alive && i->life == life) end_main(service, generation, i->habits.exit);
        });
    }
    const auto& policy = site(service).policy;
    if (policy.notify) plan_ready(service, instance);
    if (policy.watchdog > 0s) ping(service, generation, life);
}

void World::plan_ready(ServiceId service, Instance& instance) {
    const auto generation = instance.generation;
    const auto life = instance.life;
    const auto say = [=, this](core::Notified what) {
        auto* i = find(service, generation);
        if (!i || i->main != Main::alive || i->life != life) return;
        i->ready_said |= what.ready;
        post(10us, service, generation, what, true);
    };
    const auto ready = instance.habits.ready_after;
    if (ready) agenda_.in(*ready, [=] { say({.ready = true, .extend_timeout = {}, .main_pid = {}}); });
    const auto timeout = site(service).policy.start_timeout;
    if (!instance.habits.extends || timeout == 0s) return;
    const auto until = ready.value_or(3 * timeout);
    for (Duration at = timeout / 2; at < until && at < 10 * timeout; at += timeout / 2)
        agenda_.in(at, [=] { say({.extend_timeout = timeout, .main_pid = {}}); });
}

void World::ping(ServiceId service, Generation generation, unsigned life) {
    auto* instance = find(service, generation);
    if (!instance || instance->main != Main::alive || instance->life != life) return;
    if (agenda_.now() - instance->begun > instance->habits.pings_until) return;
    const auto watchdog = site(service).policy.watchdog;
    if (watchdog == 0s) return;
    if (instance->ready_said)  // most programs begin with it then
        post(10us, service, generation,
             core::Notified{.watchdog = true, .extend_timeout = {}, .main_pid = {}}, true);
    agenda_.in(watchdog / 2, [=, this] { ping(service, generation, life); });
}

void World::end_main(ServiceId service, Generation generation, core::Exited exit) {
    auto* instance = find(service, generation);
    if (!instance || instance->main != Main::alive) return;
    instance->main = Main::gone;
    post(20us, service, generation, exit, false);
    if (instance->children == 0) {
        const bool at_once = random_.chance(0.7);
        post(at_once ? 21us : random_.duration(21us, 200us), service, generation, core::Emptied{}, false);
        bury(service, generation);
        return;
    }
    agenda_.in(instance->habits.children_live, [=, this] { end_children(service, generation); });
}

void World::end_children(ServiceId service, Generation generation) {
    auto* instance = find(service, generation);
    if (!instance || instance->children == 0) return;
    instance->children = 0;
    if (instance->main != Main::gone) return;
    post(20us, service, generation, core::Emptied{}, false);
    bury(service, generation);
}

void World::end_tree(ServiceId service, Generation generation) {
    auto* instance = find(service, generation);
    if (!instance) return;
    instance->children = 0;
    if (instance->main == Main::alive) {
        core::Exited exit;
        exit.kind = core::ExitKind::signaled;
        exit.code = 9;
        end_main(service, generation, exit);
    } else {
        if (instance->main == Main::gone) post(20us, service, generation, core::Emptied{}, false);
        bury(service, generation);
    }
}

void World::bury(ServiceId service, Generation generation) {
    std::erase_if(site(service).instances, [&](const Instance& i) { return i.generation == generation; });
    answer_kills(service);
}

// What an earlier daemon launched is no child of this one: how it ended meanwhile nobody knows.
void World::perform(ServiceId service, Generation generation, const core::Adopt&) {
    const auto* instance = find(service, generation);
    if (instance && instance->main == Main::alive) {
        post(20us, service, generation, core::Launched{++next_pid_}, true);
        if (site(service).policy.notify)
            post(30us, service, generation,
                 core::Notified{.listening = true, .extend_timeout = {}, .main_pid = {}}, false);
        return;
    }
    const auto& place = site(service);
    if (generation > place.highest || generation == place.queued)
        return post(20us, service, generation, core::NotLaunched{}, false);
    post(20us, service, generation, core::Exited{.kind = core::ExitKind::unknown}, false);
    if (!instance) post(30us, service, generation, core::Emptied{}, false);
}

void World::crash() {
    down_ = true;
    ++daemon_;
    delivered_.clear();
    for (auto& [service, place] : sites_) {
        place.kills.clear();
        std::vector<Generation> born;
        std::erase_if(place.instances, [&](const Instance& i) {
            if (i.main != Main::pending) return false;
            if (random_.chance(0.3))
                place.queued = i.generation;
            else if (!i.habits.launch_fails && random_.chance(0.5))
                born.push_back(i.generation);
            return born.empty() || born.back() != i.generation;
        });
        for (const auto generation : born) begin(service, generation, true);
    }
}

void World::perform(ServiceId service, Generation generation, const core::SendSignal& signal) {
    if (random_.chance(faults_.signal_lost)) return;
    auto* instance = find(service, generation);
    if (!instance || instance->main == Main::pending) return;
    if (!signal.whole_tree) post(10us, service, generation, core::Signaled{}, true);
    heed(service, *instance, signal.signal, signal.whole_tree);
}

void World::heed(ServiceId service, Instance& instance, int signal, bool whole_tree) {
    const auto generation = instance.generation;
    if (signal == 9) {
        if (whole_tree) {
            agenda_.in(instance.habits.unkillable_for + 100us, [=, this] { end_tree(service, generation); });
        } else {
            core::Exited exit{.kind = core::ExitKind::signaled, .code = 9};
            agenda_.in(instance.habits.unkillable_for + 100us,
                       [=, this] { end_main(service, generation, exit); });
        }
        return;
    }
    if (instance.habits.ignores_signals) return;
    core::Exited exit{.kind = random_.chance(0.5) ? core::ExitKind::exited : core::ExitKind::signaled};
    exit.code = exit.kind == core::ExitKind::signaled ? signal : random_.pick<int>({0, 0, 0, 1, 143});
    agenda_.in(instance.habits.dies_within, [=, this] { end_main(service, generation, exit); });
    if (whole_tree && random_.chance(0.8))
        agenda_.in(instance.habits.dies_within, [=, this] { end_children(service, generation); });
}

// Launches that are still on their way are called off: effects of one service are carried out in order.
void World::perform(ServiceId service, Generation generation, const core::KillTree&) {
    if (random_.chance(faults_.kill_lost)) return;
    auto& place = site(service);
    std::erase_if(place.instances,
                  [&](const Instance& i) { return i.main == Main::pending && i.generation <= generation; });
    for (auto& instance : place.instances) {
        if (instance.dying || instance.generation > generation) continue;
        instance.dying = true;
        agenda_.in(instance.habits.unkillable_for + 100us,
                   [=, this, g = instance.generation] { end_tree(service, g); });
    }
    place.kills.push_back(generation);
    answer_kills(service);
}

void World::answer_kills(ServiceId service) {
    auto& place = site(service);
    std::erase_if(place.kills, [&](Generation asked) {
        const bool left =
            std::ranges::any_of(place.instances, [&](const Instance& i) { return i.generation <= asked; });
        if (!left) post(30us, service, asked, core::Emptied{}, true);
        return !left;
    });
}

void World::perform(ServiceId service, Generation generation, const core::RunProbe& probe) {
    if (random_.chance(faults_.probe_lost)) return;
    const auto* instance = find(service, generation);
    const double hangs = instance ? instance->habits.probe_hangs : 0;
    auto takes = random_.duration(100us, std::max<Duration>(200us, probe.timeout / 2));
    if (random_.chance(hangs)) {
        if (random_.chance(0.5)) return;  // for ever
        takes = probe.timeout + random_.duration(1us, 20s);
    }
    agenda_.in(takes, [=, this, asked = probe] {
        const core::Probed result{asked.probe, asked.sequence, probe_now(find(service, generation), service),
                                  "as it is"};
        post(10us, service, generation, result, true);
    });
}

core::ProbeOutcome World::probe_now(const Instance* instance, ServiceId service) {
    if (!instance || instance->main != Main::alive) return core::ProbeOutcome::failed;
    if (random_.chance(instance->habits.probe_unknown)) return core::ProbeOutcome::unknown;
    const bool well = !sick_now(service, *instance) != random_.chance(instance->habits.flips);
    return well ? core::ProbeOutcome::passed : core::ProbeOutcome::failed;
}

// Health comes in spells of 20 seconds.
bool World::sick_now(ServiceId service, const Instance& instance) const {
    const auto spell = static_cast<std::uint64_t>(agenda_.now().time_since_epoch() / 20s);
    Random random(mixed(seed_ ^ mixed(service.value ^ mixed(instance.generation.value ^ mixed(spell)))));
    return random.chance(instance.habits.sick);
}

void World::perform(ServiceId service, Generation generation, const core::Reload&) {
    if (random_.chance(faults_.signal_lost)) return;
    post(random_.duration(1ms, 5s), service, generation,
         core::Reloaded{.success = random_.chance(0.8), .detail = {}}, true);
}

void World::perform(ServiceId service, Generation, const core::Forget&) {
    if (live_instances(service) > 0) ++forgotten_with_processes_;
}

void World::calm_down() {
    calm_ = true;
    faults_ = {};
    for (auto& [service, place] : sites_)
        for (auto& instance : place.instances) calm_down(service, instance);
}

void World::calm_down(ServiceId service, Instance& instance) {
    auto& place = site(service);
    const auto old = instance.habits;
    instance.habits = calm_habits(place.temperament.flaw, place.policy.kind, random_);
    if (instance.main == Main::pending) return;
    if (instance.main == Main::gone) {
        agenda_.in(random_.duration(1ms, 10s),
                   [=, this, g = instance.generation] { end_children(service, g); });
        return;
    }
    instance.begun = agenda_.now();
    instance.children = std::min(instance.children, old.children);
    live(service, instance);
}

std::size_t World::live_instances(ServiceId service) const {
    const auto* place = find(service);
    return place ? place->instances.size() : 0;
}

bool World::sound(ServiceId service) const {
    const auto* place = find(service);
    return place && place->temperament.flaw == Flaw::none;
}

void World::post(Duration wait, ServiceId service, Generation generation, core::Fact fact, bool may_be_lost) {
    if (down_) return;
    const core::Event event = core::ServiceEvent{service, generation, std::move(fact)};
    if (may_be_lost && random_.chance(faults_.answer_lost)) return;
    if (random_.chance(faults_.late)) wait += random_.duration(1ms, 60s);
    if (random_.chance(faults_.doubled))
        agenda_.in(wait + random_.duration(1us, 60s), [=, this, to = daemon_] { deliver(event, to); });
    agenda_.in(wait, [=, this, to = daemon_] { deliver(event, to); });
}

void World::deliver(const core::Event& event, unsigned to) {
    if (to != daemon_) return;
    delivered_.push_back(event);
    if (delivered_.size() > replayable) delivered_.pop_front();
    tell_(event);
    if (delivered_.empty() || !random_.chance(faults_.replayed)) return;
    const core::Event old = delivered_[random_.index(delivered_.size())];
    tell_(old);
}

World::Site& World::site(ServiceId service) {
    return sites_[service];
}

const World::Site* World::find(ServiceId service) const {
    const auto at = sites_.find(service);
    return at == sites_.end() ? nullptr : &at->second;
}

World::Instance* World::find(ServiceId service, Generation generation) {
    auto& instances = site(service).instances;
    const auto at = std::ranges::find(instances, generation, &Instance::generation);
    return at == instances.end() ? nullptr : &*at;
}

}  // namespace dpsup::sim
