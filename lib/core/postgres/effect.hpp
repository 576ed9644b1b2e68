// What a member asks of the world.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "core/postgres/event.hpp"

namespace dpsup::core::postgres {

// Reads the record, linearizably. Answer: StoreSeen, or nothing.
struct Read {};

// Puts the record in the store where its revision is still `expected` (0: there is none). Answer: Written, within
// an eighth of the lease; and StoreSeen where it was refused.
struct Write {
    Number number = 0;
    Revision expected = 0;
    Record record;
};

// Answer: Answered, or nothing.
struct Ask {
    std::string peer;
    Number number = 0;
    Question question;
};

struct Reply {
    std::string peer;
    Number number = 0;
    Answer answer;
};

// Looks at the local PostgreSQL anew. Answer: LocalSeen with the number.
struct Measure {
    Number number = 0;
};

// The guard kills PostgreSQL at that instant of this host's clock, unless it is told of another one before: what is primary,
// and what may become so since one of the tasks promote, start_primary and initialise has begun, be it after the instant.
// It leaves other standbys alone.
struct SetGuard {
    Instant until;
};

enum class TaskKind : std::uint8_t {
    initialise,  // creates a new cluster
    clone,       // copies `source` to a place beside, verifies it, and puts it in the place of what is there
    rewind,  // winds the data directory back to where it leaves the log of `source`, after a checkpoint there;
             // fails where both are on one timeline
    start_primary,  // with `rule`
    start_standby,  // of `source`; empty: of nobody
    configure,  // a standby's source, and the rule; without a restart. Without a source it ends the walreceiver,
                // also one that PostgreSQL would leave alone for now
    promote,
    stop,  // in order, with a checkpoint before it
    kill,  // the whole process tree, at once
};

// Does one thing to the local PostgreSQL, after whatever was asked for before; `kill` cuts that short, which then ends
// without success or not at all. What it has started ends with it, and with this process. Answer: TaskEnded; the rule is
// told as unknown (`LocalKind::unknown`) where it may still change by itself.
struct Task {
    Number number = 0;
    TaskKind kind = TaskKind::kill;
    std::string source;
    SyncRule rule;
    // promote: the new timeline's number is to be greater than this, too, since another may have begun one of which it
    // knows nothing. PostgreSQL takes the first number of which it has no history file.
    Timeline behind;
};

// There is a cluster: to be known in every later life of this member, whatever becomes of its data and of the store. Answer:
// none.
struct RememberCluster {};

using Effect = std::variant<Read, Write, Ask, Reply, Measure, SetGuard, Task, RememberCluster>;

// What one step asks for, and a sentence for each decision.
struct Output {
    std::vector<Effect> effects;
    std::vector<std::string> notes;
};

}  // namespace dpsup::core::postgres
