// One member of a PostgreSQL cluster: its own PostgreSQL, and its part in the election of a primary.
//
// It is never primary by a decision of the past. Each step asks anew: does the record, as last seen, name us as its holder,
// and is our lease not over? From that, and from what is seen of the local PostgreSQL, follows what to do next:
//
//                        the lease is ours            | it is another's, or nobody's
//   PostgreSQL is        (lead.cpp)                   | (follow.cpp, election.cpp)
//   primary              publish, choose the rule     | kill it
//   standby              promote                      | follow the holder; stand for election
//   down                 start it again, or release   | wind back where it must be; follow
//   no data              create the cluster, once     | copy the holder's
//   dying                kill its whole tree          | kill its whole tree
//
// One task at a time is done to the local PostgreSQL, and one write at a time is on its way to the store; a kill alone cuts
// another task short.
//
// The lease. The record's change is the sign of life, as in the leader election of Kubernetes: the holder writes it four
// times a lease, and counts its lease from when a write was SENT that is known to have been written. A candidate counts
// from when it first saw the revision, longer (takeover_wait), and takes over by compare-and-swap on just that revision. So
// whatever is lost or late, the holder is out before another is in. The guard kills PostgreSQL at the lease's end even if
// this process does not run.
//
// The vote. A candidate needs answers of as many members as the record's promise demands (sync_rule.hpp), none of which
// has more than itself. Who answers, or asks, stops receiving from the old holder first, and does not take it up again
// before the record changes: a host that was frozen with its guard and thaws can have no commit acknowledged that the
// elected member lacks.
//
// The lineage. A new primary acknowledges nothing (closed_rule) before the record names its timeline and where that begins.
// Only whoever is on that lineage votes or follows; all others are wound back or copied.
//
// Time without the store. A holder that cannot write asks all members of the record; if each of them stays out of
// elections for a lease and a margin from its answer, the holder's lease counts from when it asked.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/postgres/effect.hpp"
#include "core/postgres/event.hpp"
#include "core/postgres/policy.hpp"

namespace dpsup::core::postgres {

// The record as last seen.
struct Seen {
    std::optional<Record> record;
    Revision revision = 0;
    Instant first;              // when this revision was seen first
    std::uint64_t changes = 0;  // seen since we began to look
    Instant confirmed;          // when it was last seen to be still the same
    std::uint64_t store = 0;
};

struct PendingWrite {
    Number number = 0;
    Revision expected = 0;
    Record record;
    Instant deadline;
};

struct PendingTask {
    Number number = 0;
    TaskKind kind = TaskKind::kill;
    Instant begun;
    Instant deadline = instant_never;
};

struct Election {
    Revision revision = 0;
    Number number = 0;
    bool measures = false;  // has asked for its own position
    std::optional<Position> own;
    std::map<std::string, Answer> answers;
    Instant deadline;
};

// A vote that was asked for, and is answered once nothing is received any more.
struct Vote {
    std::string peer;
    Number number = 0;  // the candidate's
    Revision revision = 0;
    Number measure = 0;  // ours; 0: not asked for yet
    Instant deadline;
};

// All members are asked for time.
struct TimeRound {
    Number number = 0;
    Instant sent;
    std::vector<std::string> missing;
};

struct Member {
    Policy policy;
    Local local;
    std::optional<Seen> seen;
    bool has_seen_record = false;
    std::vector<std::string> registered;

    // The lease, as holder.
    Instant lease_until;  // in the past: we hold none
    Instant renew_at;
    std::optional<PendingWrite> write;
    std::deque<std::pair<std::uint64_t, Instant>> sent;  // stamps of late writes, and when each was sent
    // A write that expects this revision, and says more than that the holder lives, may still be written: of this life,
    // or of an earlier one. 0: none. Until the record has moved on, nothing is done that it would not bear.
    Revision unsettled = 0;
    bool stale = false;  // a write was refused: the record is not what we have seen
    Instant write_at;    // not before: after a failure
    Instant read_at;
    std::optional<TimeRound> round;
    Instant round_at;

    // What is being done to the local PostgreSQL.
    std::optional<PendingTask> task;
    Instant task_at;  // not before: after a failure
    std::uint32_t failures = 0;
    Number last_task = 0;  // the last that has ended

    // As holder.
    bool crashed = false;    // it ended without having been told to
    bool has_heirs = false;  // and then enough standbys were there to elect one of them
    std::uint32_t restarts = 0;
    std::uint32_t promotions_failed = 0;
    Instant promoted_at;
    std::vector<std::string> voters;  // who answered when we were elected
    std::optional<std::string> successor;

    // Elections.
    std::optional<Election> election;
    Instant stand_at;  // not before
    std::vector<Vote> votes;
    Revision voted = 0;      // the highest that we voted on, or tried to take
    Instant promised_until;  // we take part in no election

    Number number = 0;  // of the last question, write, task or measure

    [[nodiscard]] bool is_holder() const;
    // And may accept writes.
    [[nodiscard]] bool holds(Instant now) const;
};

// What an earlier daemon left.
struct Inherited {
    Instant lease_until;           // as the guard knows it
    bool has_seen_record = false;  // see RememberCluster
};

[[nodiscard]] Member make_member(Policy policy, const Inherited& inherited, Instant now);

[[nodiscard]] Output step(Member& member, const Event& event, Instant now);

// When DeadlineReached must be told if nothing else happens.
[[nodiscard]] Instant next_deadline(const Member& member, Instant now);

}  // namespace dpsup::core::postgres
