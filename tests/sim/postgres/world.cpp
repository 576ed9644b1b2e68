#include "sim/postgres/world.hpp"

#include <algorithm>

namespace dpsup::sim::postgres {
namespace {

using namespace std::chrono_literals;

constexpr double lost = 0.02;  // of messages, in bad times
constexpr Duration rounding = std::chrono::microseconds(1);

}  // namespace

World::World(std::uint64_t seed, Settings settings, Referee& referee)
    : settings_(settings), referee_(referee), chance_(seed), agenda_(seed ^ 1) {
    for (std::size_t i = 0; i < settings_.hosts; ++i) {
        auto host = std::make_unique<Host>();
        host->name = std::string(1, static_cast<char>('a' + i));
        host->rate = chance_.real(0.99, 1.01);
        host->offset = chance_.duration(1s, 10'000s);
        host->no_failover = i == settings_.hosts - 1 && settings_.hosts > 3 && chance_.chance(0.3);
        hosts_.push_back(std::move(host));
    }
    for (const auto& host : hosts_)
        agenda_.in(chance_.duration(1ms, 5s), [this, &one = *host] { start_daemon(one); });
    agenda_.in(1s, [this] { stream(); });
    agenda_.in(1s, [this] { write_something(); });
    agenda_.in(chance_.duration(20s, 600s), [this] { next_fault(); });
}

void World::run_until(Instant end) {
    while (agenda_.next() <= end && referee_.promise().empty()) {
        agenda_.run_next();
        ++events_;
    }
    agenda_.set_now(end);
}

Instant World::local_time(const Host& host, Instant instant) const {
    const auto passed = static_cast<double>(instant.time_since_epoch().count());
    return Instant(host.offset + Duration(static_cast<Duration::rep>(passed * host.rate)));
}

Instant World::world_time(const Host& host, Instant local) const {
    const auto passed = static_cast<double>((local.time_since_epoch() - host.offset).count());
    return Instant(Duration(static_cast<Duration::rep>(passed / host.rate)) + rounding);
}

Duration World::latency() {
    return calm_ || !chance_.chance(0.01) ? chance_.duration(100us, 3ms) : chance_.duration(3ms, 500ms);
}

Duration World::store_latency(const Host& host) {
    return host.store_slow ? chance_.duration(settings_.lease / 12, settings_.lease / 8) : latency();
}

void World::on_host(Host& host, Duration wait, std::function<void()> happening) {
    agenda_.in(wait, [&host, happening = std::move(happening)]() mutable {
        if (host.down) return;
        host.frozen ? host.deferred.push_back(std::move(happening)) : happening();
    });
}

void World::on_daemon(Host& host, Duration wait, std::function<void()> happening) {
    on_host(host, wait, [&host, life = host.life, happening = std::move(happening)]() mutable {
        if (!host.daemon_up || host.life != life) return;
        host.daemon_hangs ? host.waiting.push_back(std::move(happening)) : happening();
    });
}

void World::tell(Host& host, const pg::Event& event) {
    const pg::Output output = pg::step(host.member, event, local_time(host, now()));
    for (const std::string& note : output.notes) referee_.say(now(), host.name, note);
    for (const pg::Effect& effect : output.effects)
        std::visit([&](const auto& wanted) { perform(host, wanted); }, effect);
    arm(host);
}

// An alarm that turns out to be early is harmless.
void World::arm(Host& host) {
    const Instant local = local_time(host, now());
    const Instant next = pg::next_deadline(host.member, local);
    if (next == instant_never) return;
    const Instant when = world_time(host, next);
    if (when >= host.alarm) return;
    host.alarm = when;
    on_daemon(host, when - now(), [this, &host, when] {
        if (host.alarm != when) return;
        host.alarm = instant_never;
        tell(host, pg::DeadlineReached{});
    });
}

void World::start_daemon(Host& host) {
    if (host.daemon_up || host.down) return;
    referee_.say(now(), host.name, "the daemon starts");
    ++host.life;
    host.daemon_up = true;
    host.daemon_hangs = false;
    host.waiting.clear();
    host.alarm = instant_never;
    host.busy.reset();
    host.task_ended = 0;
    pg::Policy policy;
    policy.name = host.name;
    policy.sync = settings_.sync;
    policy.no_failover = host.no_failover;
    policy.lease = settings_.lease;
    // As while a change of it is rolled out.
    if (chance(0.1)) policy.lease += policy.lease / 2;
    policy.seed = chance_.next();
    host.member = pg::make_member(policy, {host.guard_until, host.knows_cluster}, local_time(host, now()));
    std::vector<std::string> names;
    for (const auto& one : hosts_) names.push_back(one->name);
    tell(host, pg::Registered{names});
    poll(host, host.life);
}

void World::stop_daemon(Host& host) {
    if (!host.daemon_up) return;
    cut_short(host);
    host.daemon_up = false;
    ++host.life;
    host.busy.reset();
}

void World::poll(Host& host, std::uint64_t life) {
    // A probe that opens a new connection finds out; what hangs counts as dying.
    if (host.database.hangs)
        on_daemon(host, chance_.duration(1s, 3s), [this, &host, after = host.task_ended] {
            if (host.database.hangs) tell(host, pg::Exited{after});
        });
    else
        tell(host, pg::LocalSeen{look_at(host), 0, host.task_ended});
    show_store(host);
    on_daemon(host, settings_.lease / 4 + chance_.duration(1ms, 50ms),
              [this, &host, life] { poll(host, life); });
}

bool World::reaches_store(const Host& host) const {
    return store_.up && host.store_reachable && !host.down;
}

void World::show_store(Host& host) {
    if (!host.daemon_up || !reaches_store(host) || chance(lost)) return;
    on_daemon(host, store_latency(host), [this, &host, record = store_.record, revision = store_.modified] {
        tell(host, pg::StoreSeen{record, revision});
    });
}

void World::show_store_to_all() {
    for (const auto& host : hosts_) show_store(*host);
}

void World::perform(Host& host, const pg::Write& write) {
    // What matters most is lost and late most often.
    pg::Record renewed = write.record;
    if (store_.record) renewed.stamp = store_.record->stamp;
    const bool matters = store_.record != renewed;
    const double often = matters ? 10 * lost : lost;
    const Duration slow =
        chance(often) ? chance_.duration(settings_.lease / 64, 2 * settings_.lease) : Duration{};
    const Duration patience = chance(often) ? chance_.duration(100us, 10ms) : settings_.lease / 8;
    on_daemon(host, patience, [this, &host, number = write.number] {
        tell(host, pg::Written{number, pg::Written::Outcome::unknown, 0});
    });
    agenda_.in(latency() + slow, [this, &host, life = host.life, write, often, matters] {
        if (!reaches_store(host)) return;
        const bool written = store_.write(write.expected, write.record);
        if (written) referee_.recorded(now(), *store_.record, hosts_);
        if (written) show_store_to_all();
        if (written && referee_.traces()) say_record();
        // Whoever lost his primary tries again and again.
        for (int i = 0; written && matters && i < 3; ++i)
            agenda_.in(chance_.duration(1ms, 1s), [this] { write_to_all(); });
        if (chance(often) || host.life != life) return;
        using Outcome = pg::Written::Outcome;
        on_daemon(host, store_latency(host),
                  [this, &host, number = write.number, written, revision = store_.modified] {
                      tell(host,
                           pg::Written{number, written ? Outcome::written : Outcome::refused, revision});
                  });
        if (!written) show_store(host);
    });
}

// Unless it was only renewed.
void World::say_record() {
    const pg::Record& record = *store_.record;
    std::string text = record.holder + (record.released ? " released" : "") + ", term " +
                       std::to_string(record.term) + ", timeline " + std::to_string(record.timeline.value) +
                       ", " + std::to_string(record.promise.required) + " of";
    for (const std::string& name : record.promise.members) text += " " + name;
    if (text != said_)
        referee_.say(now(), "store", "revision " + std::to_string(store_.modified) + ": " + text);
    said_ = text;
}

Host* World::host_named(const std::string& name) {
    for (const auto& host : hosts_)
        if (host->name == name) return host.get();
    return nullptr;
}

bool World::linked(const Host& one, const Host& other) const {
    return !one.down && !other.down && !cut_.contains({one.name, other.name});
}

// Numbers are counted anew in each life of a daemon; its connections end with it.
void World::perform(Host& host, const pg::Ask& ask) {
    Host* peer = host_named(ask.peer);
    if (peer == nullptr || !linked(host, *peer) || !peer->daemon_up || chance(lost)) return;
    const pg::Number number = (host.life << 32U) | ask.number;
    on_daemon(*peer, latency(),
              [this, peer, asked = pg::Asked{host.name, number, ask.question}] { tell(*peer, asked); });
}

void World::perform(Host& host, const pg::Reply& reply) {
    Host* peer = host_named(reply.peer);
    if (peer == nullptr || !linked(host, *peer) || chance(lost) || peer->life != reply.number >> 32U) return;
    const pg::Number number = reply.number & 0xffffffffU;
    on_daemon(*peer, latency(), [this, peer, answered = pg::Answered{host.name, number, reply.answer}] {
        tell(*peer, answered);
    });
}

void World::perform(Host& host, const pg::Measure& measure) {
    on_daemon(host, chance_.duration(200us, 3ms), [this, &host, number = measure.number] {
        const pg::LocalSeen seen{look_at(host), number, host.task_ended};
        on_daemon(host, chance_.duration(200us, 20ms), [this, &host, seen] { tell(host, seen); });
    });
}

// What of its standbys must not vouch is known by their tags.
pg::Local World::look_at(const Host& host) {
    pg::Local local = host.database.seen();
    for (pg::Downstream& one : local.streaming) one.no_sync = host_named(one.name)->no_failover;
    return local;
}

void World::perform(Host& host, const pg::Read& /*read*/) {
    show_store(host);
}

void World::perform(Host& host, const pg::SetGuard& set) {
    host.guard_until = set.until;
    watch_guard(host);
}

// It kills PostgreSQL, whatever the daemon does; where the host was frozen, a moment after it thaws.
void World::watch_guard(Host& host) {
    if (host.guard_armed) return;
    host.guard_armed = true;
    const Instant end = world_time(host, host.guard_until);
    on_host(host, std::max(end - now(), Duration::zero()), [this, &host] {
        host.guard_armed = false;
        if (host.database.state != Database::State::primary) return;
        if (local_time(host, now()) < host.guard_until) return watch_guard(host);
        referee_.say(now(), host.name, "the guard kills PostgreSQL");
        end_database(host, false);
        tell_exited(host);
    });
}

void World::perform(Host& host, const pg::Task& task) {
    do_task(host, task);
}

void World::perform(Host& host, const pg::RememberCluster& /*remember*/) {
    host.knows_cluster = true;
}

std::string World::unhealthy() const {
    if (!store_.record) return "there is no record";
    const pg::Record& record = *store_.record;
    if (record.released) return record.holder + " has released the lease, and nobody took it";
    for (const auto& host : hosts_) {
        const Database& database = host->database;
        if (host->name == record.holder) {
            if (database.state != Database::State::primary)
                return host->name + " holds the lease, and does not lead";
            if (database.rule == pg::closed_rule()) return host->name + " acknowledges nothing";
            if (!database.pending.empty() && now() - database.waiting_since > 30s)
                return host->name + " keeps a commit waiting";
        } else if (database.state != Database::State::standby || !database.receiving ||
                   database.upstream != record.holder) {
            return host->name + " does not follow " + record.holder;
        }
    }
    return {};
}

}  // namespace dpsup::sim::postgres
