#include "sim/people.hpp"

namespace dpsup::sim {

using namespace std::chrono_literals;
using core::Verb;

People::People(std::uint64_t seed, std::size_t services, Agenda& agenda, World& world,
               const core::Supervisor& core, Tell tell)
    : random_(seed),
      agenda_(agenda),
      world_(world),
      core_(core),
      tell_(std::move(tell)),
      landscape_(mixed(seed), services) {
    between_commands_ = random_.duration(200ms, 300s);
    between_changes_ = random_.duration(5s, 600s);
}

void People::begin(Instant end) {
    end_ = end;
    load(landscape_.first());
    plan_command();
    plan_change();
    if (random_.chance(0.1))
        agenda_.at(Instant{} + random_.duration(1s, end - Instant{}),
                   [this] { tell_(core::ShutdownRequested{}); });
}

void People::plan_command() {
    const auto when = agenda_.now() + random_.duration(1ms, 2 * between_commands_);
    if (when >= end_) return;
    agenda_.at(when, [this] {
        command();
        plan_command();
    });
}

void People::plan_change() {
    const auto when = agenda_.now() + random_.duration(1ms, 2 * between_changes_);
    if (when >= end_) return;
    agenda_.at(when, [this] {
        const bool served = core_.size() > 0 && !core_.shutting_down();
        if (served) load(landscape_.change());
        plan_change();
    });
}

void People::load(core::ConfigLoaded loaded) {
    for (const auto& change : loaded.changes)
        if (change.change != core::Change::remove) world_.configure(change.service, change.policy);
    tell_(std::move(loaded));
}

void People::command() {
    auto command = some_command();
    if (command.services.empty()) return;
    if (core_.check(command))
        tell_(std::move(command));
    else
        ++refused_;
}

core::Command People::some_command() {
    core::Command command;
    command.verb = random_.pick<Verb>({Verb::start, Verb::start, Verb::start, Verb::stop, Verb::restart,
                                       Verb::restart, Verb::kill, Verb::reload});
    command.cascade =
        (command.verb == Verb::start || command.verb == Verb::stop || command.verb == Verb::restart) &&
        random_.chance(0.3);
    command.signal = random_.pick<int>({9, 15, 1});
    if (random_.chance(0.1)) command.stop_timeout = random_.duration(10ms, 30s);
    command.by = "somebody (uid 1000)";
    const auto& all = landscape_.services();
    const bool several = random_.chance(0.15);
    const auto count = several ? random_.between(1, all.size()) : random_.between(1, 2);
    std::set<ServiceId> chosen;
    for (std::uint64_t i = 0; i < count; ++i) {
        auto at = all.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random_.index(all.size())));
        chosen.insert(at->first);
    }
    command.services.assign(chosen.begin(), chosen.end());
    return command;
}

}  // namespace dpsup::sim
