// What goes wrong, each for a while.
#include <algorithm>

#include "sim/postgres/world.hpp"

namespace dpsup::sim::postgres {
namespace {

using namespace std::chrono_literals;
using State = Database::State;

}  // namespace

void World::next_fault() {
    if (calm_) return;
    fault();
    // Now and then several come together.
    agenda_.in(chance_.chance(0.4) ? chance_.duration(10ms, 10s) : chance_.duration(10s, 400s),
               [this] { next_fault(); });
}

void World::fault() {
    Host* leader = store_.record ? host_named(store_.record->holder) : nullptr;
    Host& host = leader != nullptr && chance_.chance(0.5) ? *leader : *hosts_[chance_.index(hosts_.size())];
    const Duration time = chance_.duration(50ms, 120s);
    const auto heals = [this, time](std::function<void()> healed) { agenda_.in(time, std::move(healed)); };
    switch (chance_.between(0, 18)) {
        case 0:
            return crash_database(host);
        case 1:
            return hang_database(host);
        case 2:
            return crash_daemon(host, time);
        case 3:
            return hang_daemon(host, time);
        case 4:
            return crash_host(host, time);
        case 5:
        case 6:
            return freeze(host, time);
        case 7:
            referee_.say(now(), host.name, "its disk is full");
            host.disk_full = true;
            if (chance_.chance(0.5)) crash_database(host);
            return heals([&host] { host.disk_full = false; });
        case 8:
            referee_.say(now(), "store", "down");
            store_.up = false;
            return heals([this] { store_.up = true; });
        case 9:
            referee_.say(now(), host.name, "cannot reach the store");
            host.store_reachable = false;
            return heals([&host] { host.store_reachable = true; });
        case 10:
        case 11:
            return isolate(host, time);
        case 12:
            return lose_data(host);
        case 13:
            return promote_by_hand(host);
        case 14:
            return switch_over();
        case 15:
        case 16:
            referee_.say(now(), host.name, "its disk is slow");
            host.disk_slow = true;
            return heals([&host] { host.disk_slow = false; });
        case 17:
            referee_.say(now(), host.name, "the store answers it slowly");
            host.store_slow = true;
            return heals([&host] { host.store_slow = false; });
        case 18:
            if (leader == nullptr || !leader->daemon_up || !leader->store_reachable || leader->daemon_hangs ||
                !store_.up)
                return;
            referee_.say(now(), "store", "somebody removes the record");
            store_.remove();
            return show_store_to_all();
    }
}

// From some or all others, in one direction or both; and perhaps from the store.
void World::isolate(Host& host, Duration time) {
    const bool from_store = chance_.chance(0.5);
    const double part = chance_.chance(0.5) ? 1 : 0.5;
    referee_.say(now(), host.name, from_store ? "is cut off, from the store too" : "is cut off");
    std::vector<std::pair<std::string, std::string>> links;
    for (const auto& other : hosts_) {
        if (other.get() == &host || !chance_.chance(part)) continue;
        if (chance_.chance(0.8)) links.emplace_back(host.name, other->name);
        if (chance_.chance(0.8)) links.emplace_back(other->name, host.name);
    }
    cut_.insert(links.begin(), links.end());
    if (from_store) host.store_reachable = false;
    agenda_.in(time, [this, links, &host, from_store] {
        for (const auto& link : links) cut_.erase(link);
        if (from_store) host.store_reachable = true;
    });
}

void World::crash_database(Host& host) {
    if (!host.database.runs() || host.frozen) return;
    referee_.say(now(), host.name, "PostgreSQL crashes");
    end_database(host, false);
    tell_exited(host);
}

void World::hang_database(Host& host) {
    if (!host.database.runs() || host.frozen) return;
    referee_.say(now(), host.name, "PostgreSQL hangs");
    host.database.hangs = true;
}

void World::crash_daemon(Host& host, Duration time) {
    if (!host.daemon_up) return;
    referee_.say(now(), host.name, "the daemon dies");
    stop_daemon(host);
    on_host(host, time, [this, &host] { start_daemon(host); });
}

void World::hang_daemon(Host& host, Duration time) {
    if (!host.daemon_up || host.daemon_hangs) return;
    referee_.say(now(), host.name, "the daemon hangs");
    host.daemon_hangs = true;
    on_host(host, time, [this, &host, life = host.life] {
        if (host.life != life) return;
        host.daemon_hangs = false;
        for (auto& one : std::exchange(host.waiting, {}))
            on_daemon(host, chance_.duration(1us, 1ms), std::move(one));
    });
}

void World::crash_host(Host& host, Duration time) {
    if (host.down || host.frozen) return;
    referee_.say(now(), host.name, "the host goes down");
    stop_daemon(host);
    host.database.end(false);
    host.down = true;
    host.guard_armed = false;
    agenda_.in(time, [this, &host] {
        referee_.say(now(), host.name, "the host comes up");
        host.down = false;
        host.guard_until = Instant{};
        start_daemon(host);
    });
}

void World::freeze(Host& host, Duration time) {
    if (host.down || host.frozen) return;
    referee_.say(now(), host.name, "the host freezes");
    host.frozen = true;
    agenda_.in(time, [this, &host] { thaw(host); });
}

// All that waited happens within a tenth of a second, in any order; and clients that were connected go on writing.
void World::thaw(Host& host) {
    if (!host.frozen) return;
    referee_.say(now(), host.name, "the host thaws");
    host.frozen = false;
    host.thawed_at = now();
    for (auto& one : std::exchange(host.deferred, {}))
        on_host(host, chance_.duration(1us, 100ms), std::move(one));
    for (int i = 0; i < 3; ++i) agenda_.in(chance_.duration(1us, 50ms), [this, &host] { write_to(host); });
}

// Never of the last holder, or of who is about to be: what it alone has is lost then, and somebody has to decide.
void World::lose_data(Host& host) {
    if (!store_.record || store_.record->holder == host.name || host.frozen || host.member.write) return;
    referee_.say(now(), host.name, "its data directory is lost");
    cut_short(host);
    host.database.end(false);
    host.database.state = State::no_data;
    host.database.log = {};
    tell_exited(host);
}

void World::promote_by_hand(Host& host) {
    if (host.database.state != State::standby || host.frozen || host.busy) return;
    referee_.say(now(), host.name, "somebody promotes it by hand");
    host.database.promote(++sessions_, host.database.rule, 0);
}

void World::switch_over() {
    if (!store_.record) return;
    Host* leader = host_named(store_.record->holder);
    const Host& successor = *hosts_[chance_.index(hosts_.size())];
    if (leader == nullptr || leader == &successor || !leader->daemon_up || leader->frozen) return;
    referee_.say(now(), leader->name, "is asked to switch over to " + successor.name);
    on_daemon(*leader, 1ms,
              [this, leader, name = successor.name] { tell(*leader, pg::SwitchoverAsked{name}); });
}

void World::heal() {
    referee_.say(now(), "world", "heals");
    calm_ = true;
    cut_.clear();
    store_.up = true;
    for (const auto& one : hosts_) {
        Host& host = *one;
        host.store_reachable = true;
        host.store_slow = false;
        host.disk_full = host.disk_slow = false;
        thaw(host);
    }
}

}  // namespace dpsup::sim::postgres
