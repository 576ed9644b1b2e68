// Where a member stands in the write-ahead log.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/id.hpp"

namespace dpsup::core::postgres {

// A byte position in the log, as PostgreSQL's pg_lsn.
using Lsn = Id<struct LsnTag, std::uint64_t>;

// Counts promotions; 0: none yet.
using Timeline = Id<struct TimelineTag, std::uint32_t>;

// Of two members of one lineage, the greater one has all that the other has.
struct Position {
    Timeline timeline;
    Lsn lsn;
    auto operator<=>(const Position&) const = default;
};

// The timeline goes on from what its parent held at `begins`, without what the parent held beyond.
struct Fork {
    Timeline timeline;
    Lsn begins;
    bool operator==(const Fork&) const = default;
};

// Whether the position holds something that the lineage, by its forks, does not: it must be wound back before it can
// follow. A position on a timeline that is later than the lineage's is none of it.
[[nodiscard]] bool diverged(const Position& position, Timeline latest, const std::vector<Fork>& forks);

}  // namespace dpsup::core::postgres
