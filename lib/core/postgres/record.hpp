// The one record of a cluster in the store. Whoever changes it does so by compare-and-swap on its revision, so that the
// lease, the lineage and the promise of who vouches for commits are never seen apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "core/postgres/position.hpp"
#include "core/postgres/sync_rule.hpp"

namespace dpsup::core::postgres {

struct Record {
    std::uint64_t term = 0;   // counts takeovers
    std::string holder;       // who has the lease, or had it last
    std::uint64_t stamp = 0;  // of this write and no other: its writer knows it again, and when it was sent
    bool released = false;    // given up: the holder's PostgreSQL is dead, with its whole process tree
    // Who was shut down in order as the last holder on this timeline: nothing that was acknowledged lies behind `end`.
    // Empty: nobody, or another timeline has begun.
    std::string ended;
    Position end;
    std::string successor;  // released: only he may take it for a while. Empty: anybody
    // The holder has not begun its timeline yet, or the record does not name it: until then nobody follows it, and it
    // acknowledges nothing. Two that were promoted one after the other may have called theirs by the same number.
    bool opening = false;
    Timeline timeline;                 // of the lineage; 0: the first holder is still creating the cluster
    std::vector<Fork> forks;           // of the lineage, the oldest first
    SyncRule promise;                  // see sync_rule.hpp
    std::uint64_t system = 0;          // PostgreSQL's system identifier; 0: not known yet
    Duration lease{};                  // for which the holder holds it from when this was sent
    bool asynchronous = false;         // nothing is promised
    Lsn written;                       // asynchronous: how far the holder had written
    std::vector<std::string> members;  // who may ever take the lease, sorted; only the holder adds to them
    bool operator==(const Record&) const = default;
};

using Revision = std::uint64_t;  // of the record in the store; 0: there is none

}  // namespace dpsup::core::postgres
