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
    // What has been flushed, and on which timeline: the greatest that is known of received and replayed. A standby is
    // `unknown` until its startup process has come to the end of the local log once: before that it has more than it
    // says. Down: as far as its control data say; not known to the byte where it crashed.
    Position position;
    Lsn replayed;        // standby: whole records up to here. What was received behind it may be part of one
    bool stuck = false;  // standby: only a copy helps it, as where its upstream has recycled what it lacks
    std::uint64_t system = 0;  // the system identifier; 0: not known
    bool was_primary = false;  // down: its data were last open for writing
    bool clean = false;        // down: it was shut down in order
    std::string upstream;      // standby: the member whose log it wants. Empty: nobody's
    bool receiving = false;    // standby: from whom that may be
    Lsn fork;                  // primary: where its timeline begins
    SyncRule rule;             // primary, standby: as it is in effect
    // Primary: what was written before it, was so before the rule took effect in each walsender. They reload one by one,
    // and which has cannot be seen: the adapter waits for the value in a new connection, and then for two further
    // replies of each.
    Lsn rule_since;
    std::vector<Downstream> streaming;  // primary
    bool operator==(const Local&) const = default;
};

}  // namespace dpsup::core::postgres
