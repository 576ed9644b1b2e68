// The people of a simulated host: they command services at random times, apply changed configurations, and
// now and then shut the host down.
#pragma once

#include <functional>

#include "core/supervise/supervisor.hpp"
#include "sim/agenda.hpp"
#include "sim/landscape.hpp"
#include "sim/world.hpp"

namespace dpsup::sim {

class People {
public:
    using Tell = std::function<void(core::Event)>;

    People(std::uint64_t seed, std::size_t services, Agenda& agenda, World& world,
           const core::Supervisor& core, Tell tell);

    // Loads the first configuration, and goes on until `end`.
    void begin(Instant end);
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

private:
    void command();
    void load(core::ConfigLoaded loaded);
    void plan_command();
    void plan_change();
    [[nodiscard]] core::Command some_command();

    Random random_;
    Agenda& agenda_;
    World& world_;
    const core::Supervisor& core_;
    Tell tell_;
    Landscape landscape_;
    Instant end_{};
    Duration between_commands_{};
    Duration between_changes_{};
    std::uint64_t refused_ = 0;
};

}  // namespace dpsup::sim
