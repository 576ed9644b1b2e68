#include "sim/postgres/referee.hpp"

#include <algorithm>
#include <cstdio>

#include "sim/postgres/world.hpp"

namespace dpsup::sim::postgres {
namespace {

constexpr std::size_t trace_max = 400;

// It may not have been killed yet.
bool just_thawed(const Host& host, Instant now) {
    return host.thawed_at != instant_never && now < host.thawed_at + std::chrono::milliseconds(150);
}

}  // namespace

void Referee::say(Instant now, const std::string& who, const std::string& what) {
    char time[32];
    std::snprintf(time, sizeof time, "%12.4f ",
                  std::chrono::duration<double>(now.time_since_epoch()).count());
    trace_.push_back(time + who + ": " + what);
    if (line_) line_(trace_.back());
    if (trace_.size() > trace_max) trace_.pop_front();
}

void Referee::broken(Instant now, const std::string& promise, const std::string& how) {
    if (!promise_.empty()) return;
    promise_ = promise;
    how_ = how;
    say(now, "referee", "broken: " + promise + ": " + how);
}

void Referee::opened(Instant now, const Host& host) {
    if (mode_ == pg::Mode::async || lsn_ == 0 || just_thawed(host, now)) return;
    if (host.database.log.size() < lsn_ || host.database.log.chain_at(lsn_) != chain_)
        broken(now, "no acknowledged commit is lost",
               host.name + " leads without " + std::to_string(lsn_) + ", which " + leader_->name +
                   " acknowledged");
}

void Referee::began(Instant now, const Host& host, const std::vector<std::unique_ptr<Host>>& hosts) {
    if (just_thawed(host, now)) return;
    for (const auto& other : hosts) {
        const Database& database = other->database;
        const bool moves = !other->down && !other->frozen && !just_thawed(*other, now);
        if (other.get() != &host && moves && database.state == Database::State::primary && !database.hangs &&
            database.rule != pg::closed_rule())
            broken(now, "one primary", host.name + " is opened while " + other->name + " is open");
    }
}

void Referee::recorded(Instant now, const pg::Record& record,
                       const std::vector<std::unique_ptr<Host>>& hosts) {
    if (mode_ == pg::Mode::async || lsn_ == 0) return;
    std::size_t have = 0;
    for (const auto& host : hosts) {
        if (!std::ranges::binary_search(record.promise.members, host->name)) continue;
        // What a lost disk held is not the promise's fault.
        const Database& database = host->database;
        const bool lost =
            database.state == Database::State::no_data || database.state == Database::State::broken;
        have += lost || (database.log.size() >= lsn_ && database.log.chain_at(lsn_) == chain_) ? 1 : 0;
    }
    if (have < record.promise.required)
        broken(now, "the promise covers what was acknowledged",
               std::to_string(have) + " of its members have " + std::to_string(lsn_) + ", not " +
                   std::to_string(record.promise.required));
}

void Referee::acknowledged(Instant now, Instant local, const Host& host, std::size_t lsn) {
    const bool thawed = just_thawed(host, now);
    ++acknowledgements_;
    // A host that was frozen whole may hear, as it thaws, an answer that was given before the new primary was elected: then
    // that one has the commit.
    const bool later = leader_ != nullptr && host.database.session < session_;
    const bool excused = later && thawed && (mode_ == pg::Mode::async || leader_has(host, lsn));
    if (later && !excused)
        broken(now, "one primary", host.name + " acknowledges after " + leader_->name + " did");
    if (!thawed && local > host.guard_until)
        broken(now, "a fenced member does not serve", host.name + " acknowledges after its lease");
    if (host.database.session < session_) return;
    session_ = host.database.session;
    leader_ = &host;
    lsn_ = lsn;
    chain_ = host.database.log.chain_at(lsn);
}

bool Referee::leader_has(const Host& host, std::size_t lsn) const {
    const Log& log = leader_->database.log;
    return log.size() >= lsn && log.chain_at(lsn) == host.database.log.chain_at(lsn);
}

void Referee::healed(Instant now, const std::string& problem) {
    if (!problem.empty()) broken(now, "it heals", problem);
}

}  // namespace dpsup::sim::postgres
