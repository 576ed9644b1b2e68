// What becomes of tasks, the stream of the log, and clients.
#include <algorithm>

#include "sim/postgres/world.hpp"

namespace dpsup::sim::postgres {
namespace {

using namespace std::chrono_literals;
using State = Database::State;

const char* name_of(pg::TaskKind kind) {
    switch (kind) {
        case pg::TaskKind::initialise:
            return "initialise";
        case pg::TaskKind::clone:
            return "clone";
        case pg::TaskKind::rewind:
            return "rewind";
        case pg::TaskKind::start_primary:
            return "start as primary";
        case pg::TaskKind::start_standby:
            return "start as standby";
        case pg::TaskKind::configure:
            return "configure";
        case pg::TaskKind::promote:
            return "promote";
        case pg::TaskKind::stop:
            return "stop";
        case pg::TaskKind::kill:
            return "kill";
    }
    return "";
}

std::string words(const pg::Task& task) {
    std::string text = std::string(name_of(task.kind)) + " source=" + task.source +
                       " rule=" + std::to_string(task.rule.required) + "(";
    for (const std::string& name : task.rule.members) text += name;
    return text + ")";
}

}  // namespace

Duration World::time_of(pg::TaskKind kind) {
    switch (kind) {
        case pg::TaskKind::initialise:
        case pg::TaskKind::rewind:
            return chance_.duration(300ms, 3s);
        case pg::TaskKind::clone:
            return chance_.duration(1s, 20s);
        case pg::TaskKind::start_primary:
        case pg::TaskKind::start_standby:
            return chance_.duration(100ms, 3s);
        case pg::TaskKind::configure:
        case pg::TaskKind::kill:
            return chance_.duration(5ms, 50ms);
        case pg::TaskKind::promote:
            return chance_.duration(30ms, 300ms);
        case pg::TaskKind::stop:
            return chance_.duration(50ms, 2s);
    }
    return {};
}

// A copy that was not finished is of no use.
void World::cut_short(Host& host) {
    if (host.busy == pg::TaskKind::rewind) host.database.state = State::broken;
    if (host.busy == pg::TaskKind::initialise) host.database.state = State::no_data;
    // It has been told to reload: that happens, whoever waits for it.
    if (host.busy == pg::TaskKind::configure && host.database.runs())
        host.database.configure(host.configures.source, host.configures.rule);
    if (host.busy) ++host.work;
    host.busy.reset();
}

void World::do_task(Host& host, const pg::Task& task) {
    cut_short(host);
    const std::uint64_t work = ++host.work;
    host.busy = task.kind;
    if (task.kind == pg::TaskKind::clone) end_database(host, false);
    if (task.kind == pg::TaskKind::configure) {
        host.configures = task;
        if (host.database.state == State::primary) host.database.begin_to_configure(task.rule);
    }
    if (referee_.traces()) referee_.say(now(), host.name, words(task));
    on_host(host, time_of(task.kind), [this, &host, task, work, life = host.life] {
        if (host.work != work) return;
        const bool success = carry_out(host, task);
        host.busy.reset();
        if (!success) referee_.say(now(), host.name, std::string("failed: ") + name_of(task.kind));
        if (host.life != life) return;
        on_daemon(host, chance_.duration(100us, 2ms),
                  [this, &host, number = task.number, success, local = look_at(host)] {
                      host.task_ended = number;
                      tell(host, pg::TaskEnded{number, success, success ? "" : "it failed", local});
                  });
    });
}

Host* World::source_of(const Host& host, const std::string& name) {
    Host* source = host_named(name);
    const bool there = source != nullptr && linked(host, *source) && linked(*source, host) &&
                       !source->frozen && source->database.state == State::primary && !source->database.hangs;
    return there ? source : nullptr;
}

bool World::carry_out(Host& host, const pg::Task& task) {
    Database& database = host.database;
    switch (task.kind) {
        case pg::TaskKind::initialise:
            database.log = {};
            database.log.append(0, 1);
            open_primary(host, task);
            return true;
        case pg::TaskKind::clone:
        case pg::TaskKind::rewind: {
            const Host* source = source_of(host, task.source);
            if (source == nullptr || chance(0.05)) {
                if (task.kind == pg::TaskKind::rewind) database.state = State::broken;
                return false;
            }
            const Log& log = source->database.log;
            if (task.kind == pg::TaskKind::rewind && log.timeline() == database.log.timeline()) return false;
            database.log = log;
            database.state = State::down;
            database.was_primary = false;
            database.clean = true;
            return true;
        }
        case pg::TaskKind::start_primary:
            if (database.state != State::down || host.disk_full || chance(0.02)) return false;
            open_primary(host, task);
            return true;
        case pg::TaskKind::start_standby:
            if (database.state != State::down || host.disk_full || chance(0.02)) return false;
            database.start_standby(task.source);
            on_host(host, 10ms, [this, &host] { connect(host); });
            return true;
        case pg::TaskKind::configure:
            if (!database.runs() || database.hangs) return false;
            if (database.state == State::primary && database.rule == pg::closed_rule() &&
                task.rule != pg::closed_rule())
                referee_.began(now(), host, hosts_);
            database.configure(task.source, task.rule);
            acknowledge(host);
            on_host(host, 10ms, [this, &host] { connect(host); });
            return true;
        case pg::TaskKind::promote:
            if (database.state != State::standby || database.hangs || host.disk_full || chance(0.02))
                return false;
            open_primary(host, task);
            return true;
        case pg::TaskKind::stop:
            if (!database.runs() || database.hangs || chance(0.05)) return false;
            end_database(host, true);
            return true;
        case pg::TaskKind::kill:
            end_database(host, false);
            return true;
    }
    return false;
}

void World::end_database(Host& host, bool in_order) {
    Database& database = host.database;
    if (!database.runs()) return;
    // Whoever streams has all of it before the last process ends.
    if (in_order && database.state == State::primary)
        for (const auto& standby : hosts_)
            if (standby->database.receiving && standby->database.served_by == database.session &&
                !standby->frozen)
                standby->database.log.append_from(database.log, database.log.size());
    database.end(in_order);
}

void World::tell_exited(Host& host) {
    if (!host.daemon_up) return;
    on_daemon(host, chance_.duration(5ms, 20ms),
              [this, &host, after = host.task_ended] { tell(host, pg::Exited{after}); });
}

void World::open_primary(Host& host, const pg::Task& task) {
    ++sessions_;
    if (task.kind == pg::TaskKind::promote)
        host.database.promote(sessions_, task.rule, task.behind.value);
    else
        host.database.start_primary(sessions_, task.rule);
    referee_.opened(now(), host);
    watch_guard(host);
    on_host(host, 20ms, [this] {
        for (const auto& standby : hosts_) connect(*standby);
    });
}

void World::stream() {
    for (const auto& host : hosts_) connect(*host);
    for (const auto& host : hosts_)
        std::erase_if(host->database.flushed, [&](const auto& one) {
            const Database& standby = host_named(one.first)->database;
            return !standby.receiving || standby.served_by != host->database.session;
        });
    agenda_.in(500ms, [this] { stream(); });
}

void World::connect(Host& host) {
    Database& standby = host.database;
    if (standby.state != State::standby || host.frozen || host.down) return;
    Host* upstream = host_named(standby.upstream);
    const bool reachable = upstream != nullptr && linked(host, *upstream) && linked(*upstream, host);
    if (standby.receiving) {
        if (!reachable || upstream->database.session != standby.served_by ||
            upstream->database.state != State::primary)
            standby.disconnect();
        return;
    }
    if (!reachable || source_of(host, standby.upstream) == nullptr) return;
    if (!upstream->database.log.serves(standby.log)) return;
    standby.receiving = true;
    ++standby.connection;
    standby.served_by = upstream->database.session;
    upstream->database.flushed[host.name] = standby.log.size();
    send_log(*upstream);
    acknowledge(*upstream);
}

void World::send_log(Host& primary) {
    const std::uint64_t session = primary.database.session;
    for (const auto& one : hosts_) {
        Host& standby = *one;
        if (!standby.database.receiving || standby.database.served_by != session) continue;
        const std::uint64_t connection = standby.database.connection;
        const Duration slow = standby.disk_slow ? chance_.duration(50ms, 10s) : Duration{};
        on_host(standby, latency() + slow,
                [this, &primary, &standby, session, connection, end = primary.database.log.size()] {
                    Database& database = standby.database;
                    const auto connected = [&primary, &database, session, connection] {
                        return database.connection == connection && database.receiving &&
                               primary.database.session == session &&
                               primary.database.state == State::primary;
                    };
                    if (!connected() || !linked(primary, standby)) return;
                    database.log.append_from(primary.database.log, end);
                    on_host(primary, latency(),
                            [this, &primary, &standby, session, flushed = database.log.size()] {
                                // An answer that is on its way arrives, even if the connection has ended meanwhile.
                                if (primary.database.session != session || !linked(standby, primary)) return;
                                if (primary.database.state != State::primary) return;
                                std::size_t& known = primary.database.flushed[standby.name];
                                known = std::max(known, flushed);
                                acknowledge(primary);
                            });
                });
    }
}

void World::acknowledge(Host& primary) {
    if (primary.frozen || primary.down) return;
    for (const Pending& commit : primary.database.acknowledged()) {
        primary.database.waiting_since = now();
        referee_.acknowledged(now(), local_time(primary, now()), primary, commit.lsn);
        if (store_.record && store_.record->holder == primary.name)
            referee_.recorded(now(), *store_.record, hosts_);
    }
}

void World::write_to(Host& host) {
    Database& database = host.database;
    if (host.down || host.frozen || host.disk_full) return;
    if (database.state != State::primary || database.hangs) return;
    database.log.append(++commits_, database.log.timeline());
    if (database.pending.empty()) database.waiting_since = now();
    database.pending.push_back({commits_, database.log.size()});
    acknowledge(host);
    send_log(host);
}

void World::write_to_all() {
    for (const auto& host : hosts_) write_to(*host);
}

void World::write_something() {
    write_to_all();
    agenda_.in(chance_.duration(500ms, 20s), [this] { write_something(); });
}

}  // namespace dpsup::sim::postgres
