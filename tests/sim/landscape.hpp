// The configuration of a simulated host, as apply would hand it to the core: random services, random
// dependencies without a cycle, and random changes of them that always leave a configuration which
// config/check would accept.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/supervise/event.hpp"
#include "sim/random.hpp"

namespace dpsup::sim {

class Landscape {
public:
    // `most`: services configured at one time.
    Landscape(std::uint64_t seed, std::size_t most);

    [[nodiscard]] core::ConfigLoaded first();
    // A few additions, updates, reloads, restarts and removals at once.
    [[nodiscard]] core::ConfigLoaded change();

    // What is configured now.
    [[nodiscard]] const std::map<ServiceId, core::Policy>& services() const { return services_; }

private:
    struct Rank {
        std::string name;
        std::optional<ServiceId> service;  // configured now
    };

    [[nodiscard]] core::ServiceChange add(std::size_t rank);
    [[nodiscard]] core::Policy policy_for(std::size_t rank, core::Kind kind);
    [[nodiscard]] std::vector<core::Dependency> dependencies_below(std::size_t rank);
    [[nodiscard]] core::Condition condition_on(const core::Policy& dependency);
    [[nodiscard]] core::ProbePolicy probe();
    [[nodiscard]] core::RestartPolicy restart();
    [[nodiscard]] core::RestartBudget budget();
    void remove_one(core::ConfigLoaded& into, std::set<ServiceId>& touched);
    void change_one(core::ConfigLoaded& into, std::set<ServiceId>& touched);
    [[nodiscard]] std::size_t rank_of(ServiceId service) const;
    [[nodiscard]] ServiceId random_service();

    Random random_;
    std::vector<Rank> ranks_;  // a service depends only on lower ones
    std::map<ServiceId, core::Policy> services_;
    core::RestartBudget budget_;
    std::uint32_t next_id_ = 1;
    double density_ = 0;  // how many dependencies a service has, on average
    double job_share_ = 0;
    double probe_share_ = 0;
};

}  // namespace dpsup::sim
