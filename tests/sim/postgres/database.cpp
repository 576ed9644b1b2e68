#include "sim/postgres/database.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"

namespace dpsup::sim::postgres {

void Log::append(std::uint64_t commit, std::uint32_t timeline) {
    const std::uint64_t before = chain_at(size());
    entries_.push_back({commit, timeline, mixed(before ^ mixed(commit + (std::uint64_t{timeline} << 48U)))});
}

void Log::append_from(const Log& other, std::size_t end) {
    const std::size_t stop = std::min(end, other.size());
    for (std::size_t i = size(); i < stop; ++i) append(other.entries_[i].commit, other.entries_[i].timeline);
}

bool Log::serves(const Log& standby) const {
    if (standby.timeline() > timeline()) return false;
    const auto later = [&](const Entry& entry) { return entry.timeline > standby.timeline(); };
    const auto end = std::ranges::find_if(entries_, later) - entries_.begin();
    return standby.size() <= static_cast<std::size_t>(end);
}

std::size_t Log::fork() const {
    std::size_t first = size();
    while (first > 0 && entries_[first - 1].timeline == timeline()) --first;
    return first;
}

void Database::end(bool in_order) {
    if (!runs()) return;
    was_primary = state == State::primary;
    clean = in_order;
    state = State::down;
    hangs = false;
    mixed.reset();
    flushed.clear();
    pending.clear();
    disconnect();
}

void Database::disconnect() {
    receiving = false;
    ++connection;
}

void Database::start_standby(const std::string& source) {
    state = State::standby;
    was_primary = clean = hangs = false;
    rule = pg::closed_rule();
    upstream = source;
    disconnect();
}

void Database::start_primary(std::uint64_t number, const pg::SyncRule& first_rule) {
    state = State::primary;
    session = number;
    clean = hangs = false;
    rule = first_rule;
    rule_since = log.size();
    upstream.clear();
    disconnect();
}

void Database::promote(std::uint64_t number, const pg::SyncRule& first_rule, std::uint32_t behind) {
    log.append(0, std::max(log.timeline(), behind) + 1);
    start_primary(number, first_rule);
}

void Database::begin_to_configure(const pg::SyncRule& new_rule) {
    if (rule == new_rule) return;
    mixed = rule == pg::closed_rule() ? new_rule : pg::widened(rule, new_rule);
}

void Database::configure(const std::string& source, const pg::SyncRule& new_rule) {
    mixed.reset();
    if (rule != new_rule) {
        rule = new_rule;
        rule_since = log.size();
    }
    if (state == State::primary || upstream == source) return;
    upstream = source;
    disconnect();
}

std::vector<Pending> Database::acknowledged() {
    std::vector<Pending> done;
    if (state != State::primary || hangs) return done;
    while (!pending.empty()) {
        const std::size_t lsn = pending.front().lsn;
        const pg::SyncRule& going = mixed ? *mixed : rule;
        const auto count = std::ranges::count_if(going.members, [&](const std::string& name) {
            const auto found = flushed.find(name);
            return found != flushed.end() && found->second >= lsn;
        });
        if (static_cast<std::size_t>(count) < going.required) break;
        done.push_back(pending.front());
        pending.pop_front();
    }
    return done;
}

pg::Local Database::seen() const {
    pg::Local local;
    local.system = 1;
    local.replayed = {log.size()};
    local.position = {{log.timeline()}, {log.size()}};
    switch (state) {
        case State::no_data:
            local.kind = pg::LocalKind::no_data;
            return local;
        case State::broken:
            local.kind = pg::LocalKind::broken;
            return local;
        case State::down:
            local.kind = pg::LocalKind::down;
            local.was_primary = was_primary;
            local.clean = clean;
            return local;
        case State::standby:
            local.kind = pg::LocalKind::standby;
            local.upstream = upstream;
            local.receiving = receiving;
            local.rule = rule;
            return local;
        case State::primary:
            local.kind = pg::LocalKind::primary;
            local.fork = {log.fork()};
            local.rule = rule;
            local.rule_since = {rule_since};
            for (const auto& [name, lsn] : flushed) local.streaming.push_back({name, {lsn}, false});
            return local;
    }
    return local;
}

}  // namespace dpsup::sim::postgres
