// Some hosts with a member each, a store, the network between them, clients that write, and what goes wrong.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/postgres/member.hpp"
#include "sim/agenda.hpp"
#include "sim/postgres/database.hpp"
#include "sim/postgres/referee.hpp"
#include "sim/postgres/store.hpp"
#include "sim/random.hpp"

namespace dpsup::sim::postgres {

struct Host {
    std::string name;
    // Its clock: `offset` at the beginning of time, then `rate` times as fast.
    double rate = 1;
    Duration offset{};
    bool down = false;                           // nothing of it runs
    bool frozen = false;                         // nothing of it moves
    std::deque<std::function<void()>> deferred;  // for when it thaws

    // The daemon.
    bool daemon_up = false;
    bool daemon_hangs = false;
    std::deque<std::function<void()>> waiting;  // for when it no longer hangs
    std::uint64_t life = 0;                     // of the daemon, counted
    pg::Member member;
    Instant alarm = instant_never;  // on the world's clock: when DeadlineReached is told

    bool knows_cluster = false;  // on its disk

    // The guard, which outlives the daemon.
    Instant guard_until;  // on the host's clock
    bool guard_armed = false;
    Instant thawed_at = instant_never;  // on the world's

    Database database;
    std::uint64_t work = 0;            // of what is being done to the database; a newer number cuts it off
    std::optional<pg::TaskKind> busy;  // with what
    pg::Task configures;               // busy with that: what
    pg::Number task_ended = 0;         // in this life of the daemon, the last
    bool no_failover = false;          // by its tags; nor does it vouch for commits
    bool disk_full = false;
    bool disk_slow = false;
    bool store_reachable = true;
    bool store_slow = false;  // what it says comes late
};

struct Settings {
    std::size_t hosts = 3;
    pg::SyncPolicy sync;
    Duration lease = std::chrono::seconds(8);
};

class World {
public:
    World(std::uint64_t seed, Settings settings, Referee& referee);

    void run_until(Instant end);
    void heal();  // and let go wrong nothing more
    [[nodiscard]] Instant now() const { return agenda_.now(); }
    [[nodiscard]] const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
    [[nodiscard]] const Store& store() const { return store_; }
    [[nodiscard]] const Settings& settings() const { return settings_; }
    // Empty: a primary leads, acknowledges, and all others stream from it. Else what is missing.
    [[nodiscard]] std::string unhealthy() const;
    [[nodiscard]] std::uint64_t events() const { return events_; }

private:
    // world.cpp: hosts, daemons and what they ask for
    [[nodiscard]] Instant local_time(const Host& host, Instant instant) const;
    [[nodiscard]] Instant world_time(const Host& host, Instant local) const;
    void on_host(Host& host, Duration wait, std::function<void()> happening);
    void on_daemon(Host& host, Duration wait, std::function<void()> happening);
    void tell(Host& host, const pg::Event& event);
    void arm(Host& host);
    void start_daemon(Host& host);
    void stop_daemon(Host& host);
    void poll(Host& host, std::uint64_t life);
    void perform(Host& host, const pg::Read& read);
    void perform(Host& host, const pg::Write& write);
    void perform(Host& host, const pg::Ask& ask);
    void perform(Host& host, const pg::Reply& reply);
    void perform(Host& host, const pg::Measure& measure);
    void perform(Host& host, const pg::SetGuard& set);
    void perform(Host& host, const pg::Task& task);
    void perform(Host& host, const pg::RememberCluster& remember);
    void watch_guard(Host& host);
    [[nodiscard]] bool reaches_store(const Host& host) const;
    [[nodiscard]] bool chance(double probability) { return !calm_ && chance_.chance(probability); }
    void show_store(Host& host);
    void show_store_to_all();
    void say_record();
    [[nodiscard]] pg::Local look_at(const Host& host);
    [[nodiscard]] Host* host_named(const std::string& name);
    [[nodiscard]] bool linked(const Host& one, const Host& other) const;
    [[nodiscard]] Duration latency();
    [[nodiscard]] Duration store_latency(const Host& host);

    // work.cpp: tasks, streaming, clients
    void do_task(Host& host, const pg::Task& task);
    bool carry_out(Host& host, const pg::Task& task);
    [[nodiscard]] Duration time_of(pg::TaskKind kind);
    void end_database(Host& host, bool in_order);
    void tell_exited(Host& host);
    void open_primary(Host& host, const pg::Task& task);
    [[nodiscard]] Host* source_of(const Host& host, const std::string& name);
    void cut_short(Host& host);
    void write_to(Host& host);
    void stream();
    void connect(Host& standby);
    void send_log(Host& primary);
    void acknowledge(Host& primary);
    void write_something();
    void write_to_all();

    // faults.cpp
    void next_fault();
    void fault();
    void isolate(Host& host, Duration time);
    void crash_database(Host& host);
    void hang_database(Host& host);
    void crash_daemon(Host& host, Duration time);
    void hang_daemon(Host& host, Duration time);
    void crash_host(Host& host, Duration time);
    void freeze(Host& host, Duration time);
    void thaw(Host& host);
    void lose_data(Host& host);
    void promote_by_hand(Host& host);
    void switch_over();

    Settings settings_;
    Referee& referee_;
    Random chance_;
    Agenda agenda_;
    Store store_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::set<std::pair<std::string, std::string>> cut_;  // links that carry nothing, in that direction
    bool calm_ = false;
    std::string said_;  // of the record, in the trace
    std::uint64_t sessions_ = 0;
    std::uint64_t commits_ = 0;
    std::uint64_t events_ = 0;
};

}  // namespace dpsup::sim::postgres
