// One simulated life of a host, from a seed: some minutes in a bad world, a calm in which everything must come
// right, and a shutdown.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace dpsup::sim {

struct Options {
    std::size_t services = 200;  // at most
    Duration wild = std::chrono::minutes(10);
    bool keep_trace = false;
    std::function<void(const std::string&)> on_line;  // every line of the trace, as it comes
};

struct Outcome {
    std::string promise;  // that was broken; empty: none was
    std::string how;
    std::vector<std::string> trace;  // the last lines, where asked for
    std::uint64_t events = 0;
    Duration simulated{};
    std::uint64_t achieved = 0;  // what the program counts: launches, or commits
    std::uint64_t refused = 0;   // commands
};

[[nodiscard]] Outcome run(std::uint64_t seed, const Options& options);

}  // namespace dpsup::sim
