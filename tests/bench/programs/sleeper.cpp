// The service of all benchmarks: notes its own start in a shared table as its first act, then sleeps.
//
//   sleeper TABLE SLOT [LIFETIME_MS [EXIT_CODE]]
//
// Static and tiny, so that what is measured is the supervisor. See table.hpp for the table.
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "table.hpp"

int main(int argc, char** argv) {
    const std::uint64_t now = monotonic_ns();
    if (argc < 3) return 2;
    note(argv[1], std::strtoul(argv[2], nullptr, 10), now);
    if (argc < 4)
        for (;;) pause();
    const long lifetime_ms = std::atol(argv[3]);
    const timespec lifetime{lifetime_ms / 1000, lifetime_ms % 1000 * 1'000'000};
    nanosleep(&lifetime, nullptr);
    return argc > 4 ? std::atoi(argv[4]) : 0;
}
