// What a member asks of the world.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "core/postgres/event.hpp"

namespace dpsup::core::postgres {

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

// The guard kills PostgreSQL at that instant of this host's clock, unless it is told of a later one before.
struct ExtendGuard {
    Instant until;
};

enum class TaskKind : std::uint8_t {
    initialise,     // creates a new cluster
    clone,          // copies `source`
    rewind,         // winds the data directory back to where it leaves the log of `source`
    start_primary,  // with `rule`
    start_standby,  // of `source`; empty: of nobody
    configure,      // a standby's source, and the rule; without a restart
    promote,
    stop,  // in order, with a checkpoint before it
    kill,  // the whole process tree, at once
};

// Does one thing to the local PostgreSQL, after whatever was asked for before; `kill` cuts that short, which then ends
// without success or not at all. Answer: TaskEnded.
struct Task {
    Number number = 0;
    TaskKind kind = TaskKind::kill;
    std::string source;
    SyncRule rule;
};

// There is a cluster: to be known in every later life of this member, whatever becomes of its data and of the store. Answer:
// none.
struct RememberCluster {};

using Effect = std::variant<Write, Ask, Reply, Measure, ExtendGuard, Task, RememberCluster>;

// What one step asks for, and a sentence for each decision.
struct Output {
    std::vector<Effect> effects;
    std::vector<std::string> notes;
};

}  // namespace dpsup::core::postgres
