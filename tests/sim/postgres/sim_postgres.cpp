// The lives of PostgreSQL clusters: see sim/program.hpp. --minutes: of bad times; --services means nothing here.
#include "sim/postgres/run.hpp"
#include "sim/program.hpp"

int main(int count, char** words) {
    dpsup::sim::Options options;
    options.wild = std::chrono::hours(1);
    const dpsup::sim::Program program{.name = "sim_postgres",
                                      .achieved = "commits",
                                      .seeds_quick = 200,
                                      .seeds = 10'000,
                                      .seeds_full = 30'000,
                                      .options = options,
                                      .run = dpsup::sim::postgres::run};
    return dpsup::sim::run_program(program, count, words);
}
