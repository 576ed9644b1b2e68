// What a member is told. Facts in the past tense. Of the store and of peers any may be lost, late or doubled. What is told
// of the local PostgreSQL comes in the order in which it was seen, and TaskEnded in the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/postgres/local.hpp"
#include "core/postgres/record.hpp"

namespace dpsup::core::postgres {

using Number = std::uint64_t;  // of what was asked for, counted by each member

// The record as a linearizable read or a watch showed it. Nothing: there is none.
struct StoreSeen {
    std::optional<Record> record;
    Revision revision = 0;
    std::uint64_t store =
        0;  // which: one that was restored from a backup is another, and counts revisions anew
};

// The answer to Write. What is neither certainly written nor certainly refused is unknown, and may still be written.
struct Written {
    enum class Outcome : std::uint8_t { written, refused, unknown };
    Number number = 0;
    Outcome outcome = Outcome::unknown;
    Revision revision = 0;  // written: the new one
};

struct LocalSeen {
    Local local;
    Number number = 0;  // of the Measure that it answers. 0: none
    Number after = 0;   // of the last task that had ended when the look began; 0: none of this life
};

// The postmaster has gone, or hangs: a new connection to it was not accepted in time. Not told of an end that a task has
// caused.
struct Exited {
    Number after = 0;  // as LocalSeen's
};

struct TaskEnded {
    Number number = 0;
    bool success = true;
    std::string detail;
    Local local;  // seen after it
};

// A candidate asks for a vote. Granted: the member receives nothing any more from the holder of that revision until the
// record changes, and `position` is what it had then.
struct VoteQuestion {
    Revision revision = 0;
    bool operator==(const VoteQuestion&) const = default;
};

// A holder that cannot reach the store asks for time. Granted: the member takes part in no election until `lease` and
// margin have passed since its answer.
struct TimeQuestion {
    std::uint64_t term = 0;
    Revision revision = 0;
    Duration lease{};
    bool operator==(const TimeQuestion&) const = default;
};

using Question = std::variant<VoteQuestion, TimeQuestion>;

struct Answer {
    bool granted = false;
    Position position;
    bool veto = false;   // an asynchronous candidate must not lead: there is a living primary, or may be
    bool stands = true;  // it would lead itself
    std::string reason;
};

struct Asked {
    std::string peer;
    Number number = 0;  // the peer's
    Question question;
};

struct Answered {
    std::string peer;
    Number number = 0;
    Answer answer;
};

// Members have registered themselves: the holder lets them into the record.
struct Registered {
    std::vector<std::string> members;  // sorted
};

struct SwitchoverAsked {
    std::string successor;
};

struct DeadlineReached {};

using Event = std::variant<StoreSeen, Written, LocalSeen, Exited, TaskEnded, Asked, Answered, Registered,
                           SwitchoverAsked, DeadlineReached>;

}  // namespace dpsup::core::postgres
