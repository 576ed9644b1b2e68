#include "sim/postgres/run.hpp"

#include "sim/postgres/world.hpp"

namespace dpsup::sim::postgres {
namespace {

using namespace std::chrono_literals;

constexpr Duration calm = std::chrono::minutes(6);  // longest pauses and faults that last, twice

Settings settings_of(Random& chance) {
    Settings settings;
    settings.hosts = chance.between(3, 5);
    const auto mode = chance.between(0, 9);
    settings.sync.mode = mode == 0 ? pg::Mode::async : mode < 5 ? pg::Mode::sync : pg::Mode::quorum;
    settings.sync.required = static_cast<std::uint32_t>(chance.between(1, settings.hosts == 3 ? 1 : 2));
    settings.sync.strict = chance.chance(0.3);
    return settings;
}

}  // namespace

Outcome run(std::uint64_t seed, const Options& options) {
    Random chance(seed);
    const Settings settings = settings_of(chance);
    Referee referee(settings.sync.mode);
    if (options.keep_trace) referee.keep_trace(options.on_line ? options.on_line : [](const std::string&) {});
    World world(chance.next(), settings, referee);
    world.run_until(Instant(options.wild));
    world.heal();
    // Whether anybody led after the last one that is remembered cannot be known then: somebody has to decide.
    const bool undecided = !world.store().record;
    const std::uint64_t before = referee.acknowledgements();
    world.run_until(world.now() + calm);
    if (!undecided) {
        referee.healed(world.now(), world.unhealthy());
        if (referee.acknowledgements() == before) referee.healed(world.now(), "nothing was acknowledged");
    }
    Outcome outcome;
    outcome.promise = referee.promise();
    outcome.how = referee.how();
    outcome.trace.assign(referee.trace().begin(), referee.trace().end());
    outcome.events = world.events();
    outcome.simulated = world.now().time_since_epoch();
    outcome.achieved = referee.acknowledgements();
    return outcome;
}

}  // namespace dpsup::sim::postgres
