// The lives of hosts that supervise services: see program.hpp.
#include "sim/program.hpp"

int main(int count, char** words) {
    const dpsup::sim::Program program{.name = "sim_supervise",
                                      .achieved = "launches",
                                      .seeds_quick = 200,
                                      .seeds = 1000,
                                      .seeds_full = 10000,
                                      .options = {},
                                      .run = dpsup::sim::run};
    return dpsup::sim::run_program(program, count, words);
}
