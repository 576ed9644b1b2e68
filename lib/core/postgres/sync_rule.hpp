// Which standbys vouch for a commit, and how the rule is changed without a moment at which a commit could be lost.
//
// There are two rules. PostgreSQL's own (synchronous_standby_names) says whose flush a commit waits for. The record's, in
// the store, promises: every acknowledged commit is on the holder, and on at least `required` of `members`. A candidate
// reads the record's only. So with N members it needs answers of r with r + required > N (at least one of them has the
// commit), and a position as high as the highest answer.
//
// A change from one rule to another takes up to three steps, each of which keeps the promise:
//   1. the record is widened to both memberships and the smaller number: what either rule acknowledges, it covers, and
//      what a mixture does, since the walsenders do not reload in one moment;
//   2. PostgreSQL's rule becomes the new one;
//   3. once `required` of the new members have flushed what was written before that took effect, so does the record's.
// The same argument is made for quorum commit in Patroni's documentation, which counts without the candidate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/postgres/position.hpp"

namespace dpsup::core::postgres {

struct SyncRule {
    std::vector<std::string> members;  // sorted
    std::uint32_t required = 0;  // 0: nobody vouches. More than there are members: nothing is acknowledged
    bool operator==(const SyncRule&) const = default;
};

// Acknowledges nothing: a new primary begins with it, until the record names its timeline.
[[nodiscard]] SyncRule closed_rule();

// Whether all that a PostgreSQL with `rule` acknowledges is covered by the promise.
[[nodiscard]] bool keeps(const SyncRule& rule, const SyncRule& promise);

// The least change of the promise that both cover.
[[nodiscard]] SyncRule widened(const SyncRule& promise, const SyncRule& rule);

// How many of the members must answer a candidate, itself included where it is one. More than there are: none may lead.
[[nodiscard]] std::size_t answers_needed(const SyncRule& promise);

// What the holder sees of a standby.
struct Downstream {
    std::string name;
    Lsn flushed;
    bool no_sync = false;  // by its tags
    bool operator==(const Downstream&) const = default;
};

enum class Mode : std::uint8_t { async, sync, quorum };

struct SyncPolicy {
    Mode mode = Mode::async;
    std::uint32_t required = 1;
    bool strict = false;  // rather acknowledge nothing than what fewer vouch for
    bool operator==(const SyncPolicy&) const = default;
};

// The rule to have, as the streaming standbys are now. Those of the present rule are kept, so that it changes rarely.
[[nodiscard]] SyncRule choose_rule(const SyncPolicy& policy, const SyncRule& present,
                                   const std::vector<Downstream>& streaming);

// The next of the three steps from what is to `wanted`; both nothing: there is none, or it must be waited for.
struct SyncStep {
    std::optional<SyncRule> promise;  // write this
    std::optional<SyncRule> rule;     // configure this
};
// `effective_since`: what was written before it, was so before PostgreSQL's `rule` took effect.
[[nodiscard]] SyncStep next_step(const SyncRule& wanted, const SyncRule& rule, Lsn effective_since,
                                 const SyncRule& promise, const std::vector<Downstream>& streaming);

}  // namespace dpsup::core::postgres
