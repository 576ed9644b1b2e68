// One simulated life of a PostgreSQL cluster, from a seed: an hour in a bad world, and a calm in which it must heal.
#pragma once

#include "sim/run.hpp"

namespace dpsup::sim::postgres {

[[nodiscard]] Outcome run(std::uint64_t seed, const Options& options);

}  // namespace dpsup::sim::postgres
