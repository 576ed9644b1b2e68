// A modelled PostgreSQL: its log, its timelines, who streams from it, and which commits it acknowledges.
//
// The log is a list of entries, and an lsn their number. Each entry's `chain` is a hash of all up to it, so that two logs
// can be compared at once. Nothing here takes time: the world says when something happens.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "core/postgres/local.hpp"

namespace dpsup::sim::postgres {

namespace pg = core::postgres;

struct Entry {
    std::uint64_t commit = 0;  // 0: a timeline begins
    std::uint32_t timeline = 0;
    std::uint64_t chain = 0;
};

class Log {
public:
    void append(std::uint64_t commit, std::uint32_t timeline);
    // What it lacks of the first `end`, whether or not it fits what is there: as a walreceiver does.
    void append_from(const Log& other, std::size_t end);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::uint32_t timeline() const { return entries_.empty() ? 0 : entries_.back().timeline; }
    [[nodiscard]] std::uint64_t chain_at(std::size_t size) const {
        return size == 0 ? 0 : entries_[size - 1].chain;
    }
    // Whether PostgreSQL would stream from here to a standby with that log: it looks at timelines' numbers and at positions,
    // never at what is there.
    [[nodiscard]] bool serves(const Log& standby) const;
    [[nodiscard]] std::size_t fork() const;  // where its timeline begins

private:
    std::vector<Entry> entries_;
};

struct Pending {
    std::uint64_t commit = 0;
    std::size_t lsn = 0;
};

struct Database {
    enum class State : std::uint8_t { no_data, broken, down, standby, primary };
    State state = State::no_data;
    Log log;
    bool was_primary = false;  // down: its data
    bool clean = false;
    bool hangs = false;         // its postmaster was stopped: nothing is acknowledged, nobody new comes in
    std::uint64_t session = 0;  // of a primary: counts all of the world
    std::string upstream;
    bool receiving = false;
    std::uint64_t connection = 0;  // to the upstream; changes with each
    std::uint64_t served_by = 0;   // the session that serves it
    pg::SyncRule rule;
    std::optional<pg::SyncRule> mixed;  // while walsenders take up another rule one by one
    std::size_t rule_since = 0;
    std::map<std::string, std::size_t> flushed;  // primary: of those that stream from it
    std::deque<Pending> pending;
    Instant waiting_since;  // the first of them

    [[nodiscard]] bool runs() const { return state == State::standby || state == State::primary; }
    void end(bool in_order);  // whatever runs
    void start_standby(const std::string& source);
    void start_primary(std::uint64_t number, const pg::SyncRule& first_rule);
    void promote(std::uint64_t number, const pg::SyncRule& first_rule, std::uint32_t behind);
    void begin_to_configure(const pg::SyncRule& new_rule);
    void configure(const std::string& source, const pg::SyncRule& new_rule);
    void disconnect();
    // Commits that may be acknowledged now, which are no longer pending.
    [[nodiscard]] std::vector<Pending> acknowledged();
    [[nodiscard]] pg::Local seen() const;
};

}  // namespace dpsup::sim::postgres
