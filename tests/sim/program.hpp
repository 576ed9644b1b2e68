// What the programs of simulated lives have in common:
//
//   NAME [--seeds N] [--start S] [--services M] [--minutes V] [--threads T] [--trace]
//
// runs N lives, from seed S on, on all processors. On a broken promise it prints the seed, the promise and the last
// events, and exits 1. `--start SEED --seeds 1 --trace` replays one life in full. Without --seeds the environment's
// DPSUP_TEST_SIZE decides.
#pragma once

#include <cstdint>

#include "sim/run.hpp"

namespace dpsup::sim {

struct Program {
    const char* name;
    const char* achieved;  // in the plural: what Outcome::achieved counts
    std::uint64_t seeds_quick;
    std::uint64_t seeds;
    std::uint64_t seeds_full;
    Options options;
    Outcome (*run)(std::uint64_t seed, const Options& options);
};

// main()'s exit code.
[[nodiscard]] int run_program(const Program& program, int count, char** words);

}  // namespace dpsup::sim
