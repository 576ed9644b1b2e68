// What is seen of the member's own PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/postgres/position.hpp"
#include "core/postgres/sync_rule.hpp"

namespace dpsup::core::postgres {

enum class LocalKind : std::uint8_t {
    unknown,  // nobody has looked yet, or it cannot be looked at
    no_data,  // there is no data directory
    broken,   // there is one, but only a copy of another member can take its place
    down,     // nothing runs
    dying,    // the postmaster has gone or hangs, and something of its process tree may live
    standby,  // runs, in recovery
    primary,  // runs, and accepts writes
};

struct Local {
    LocalKind kind = LocalKind::unknown;
    // What has been flushed, and on which timeline. Down: as far as its control data say; not known to the byte
    // where it crashed.
    Position position;
    bool was_primary = false;  // down: its data were last open for writing
    bool clean = false;        // down: it was shut down in order
    std::string upstream;      // standby: the member whose log it wants. Empty: nobody's
    bool receiving = false;    // standby: from whom that may be
    Lsn fork;                  // primary: where its timeline begins
    SyncRule rule;             // primary, standby: as it is in effect
    Lsn rule_since;            // primary: what was written before it, was so before the rule took effect
    std::vector<Downstream> streaming;  // primary
    bool operator==(const Local&) const = default;
};

}  // namespace dpsup::core::postgres
