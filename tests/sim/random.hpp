// Chance for the simulation: the same seed gives the same run on every machine and with every library, which
// the distributions of <random> do not promise.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash.hpp"
#include "base/time.hpp"

namespace dpsup::sim {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(mixed(seed)) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        return mixed(state_);
    }
    // From 0 to 1, 1 excluded.
    double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
    bool chance(double probability) { return unit() < probability; }
    // From `low` to `high`, both included.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + next() % (high - low + 1); }
    std::size_t index(std::size_t size) { return static_cast<std::size_t>(next() % size); }
    double real(double low, double high) { return low + (high - low) * unit(); }

    // Spread over the orders of magnitude, so that short times are as likely as long ones.
    Duration duration(Duration low, Duration high) {
        const auto least = static_cast<std::uint64_t>(low.count());
        const auto most = static_cast<std::uint64_t>(high.count());
        const auto bits = between(width(least), width(most));
        const std::uint64_t floor = 1ULL << (bits - 1);
        return Duration(static_cast<Duration::rep>(std::clamp(between(floor, 2 * floor - 1), least, most)));
    }

    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[index(from.size())];
    }

private:
    static std::uint64_t width(std::uint64_t value) {
        return std::max<std::uint64_t>(static_cast<std::uint64_t>(std::bit_width(value)), 1);
    }

    std::uint64_t state_;
};

}  // namespace dpsup::sim
