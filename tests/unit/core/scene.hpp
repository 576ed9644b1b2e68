// A small language for scenarios of the supervise core: say what happens, and compare what the core asks for.
//
//     Scene scene({service("db"), service("web").needs("db", Condition::ready)});
//     EXPECT_EQ(scene.begin(), "launch db");
//     EXPECT_EQ(scene.launched("db"), "launch web");
//     EXPECT_EQ(scene.state("web"), "starting");
//
// Every call answers with the effects, in order: "launch a; signal b 15; signal-tree b 9; kill b; probe a 0;
// reload a; hold a; release a; forget a". Facts are told about the current instance. Services have no jitter.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/supervise/supervisor.hpp"

namespace dpsup::core {

struct Spec : Policy {
    Spec& needs(const std::string& dependency, Condition condition);
    Spec& prefers(const std::string& dependency, Condition condition);  // optional
    Spec& on_loss(OnDependencyLoss what);
    Spec& restarts(RestartWhen when);
    Spec& gives_up_after(std::uint32_t attempts);
    Spec& delays(Duration delay, Duration most, double factor = 2);
    Spec& stable_after(Duration duration);
    Spec& on_unknown(UnknownEnd what);
    Spec& probed(ProbePolicy probe);
    Spec& notifies();
    Spec& watched(Duration watchdog);
    Spec& starts_within(Duration timeout);
    Spec& stops_within(Duration timeout);
    Spec& reloads();
    Spec& has_sockets();
    Spec& by_hand();  // no autostart
};

[[nodiscard]] Spec service(const std::string& name);
[[nodiscard]] Spec job(const std::string& name);
// Asked every second from the first pass on; one failure counts, one pass recovers.
[[nodiscard]] ProbePolicy probe(ProbeRole role, OnProbeFailure on_failure = OnProbeFailure::restart);
// Within which it falls due again: together with others.
inline constexpr Duration one_interval = std::chrono::milliseconds(1020);

class Scene {
public:
    explicit Scene(std::vector<Spec> specs, RestartBudget budget = {});

    // Loads the configuration.
    std::string begin();
    // The daemon dies; another one takes over what is on record, `away` later.
    std::string crash(Duration away = {});
    // The same, and the service is found running though that is not what is on record.
    std::string crash_and_find(const std::string& name);
    void lose_record(const std::string& name) { records_.erase(id(name)); }
    // Adds, changes or removes one service.
    std::string add(const Spec& spec);
    std::string change(const Spec& spec, Change change);
    std::string remove(const std::string& name);

    std::string launched(const std::string& name);
    std::string launch_failed(const std::string& name);
    std::string says_ready(const std::string& name);
    std::string pings(const std::string& name);
    std::string extends(const std::string& name, Duration by);
    std::string exited(const std::string& name, int code);  // others of its tree live on
    std::string emptied(const std::string& name);
    std::string ended(const std::string& name, int code);  // with its whole tree
    std::string ended(const std::string& name, std::uint64_t generation, const Exited& exit);
    std::string passed(const std::string& name, std::uint32_t probe = 0);
    std::string failed(const std::string& name, std::uint32_t probe = 0);
    std::string unknown(const std::string& name, std::uint32_t probe = 0);
    std::string says(const std::string& name, const Notified& said);
    // Any fact, about any instance.
    std::string told(const std::string& name, std::uint64_t generation, Fact fact);

    std::string start(const std::vector<std::string>& names);
    std::string start_cascade(const std::vector<std::string>& names);
    std::string stop(const std::vector<std::string>& names);
    std::string stop_cascade(const std::vector<std::string>& names);
    std::string restart(const std::vector<std::string>& names);
    std::string restart_cascade(const std::vector<std::string>& names);
    std::string command(Command command, const std::vector<std::string>& names);
    std::string shut_down();

    // Time passes, and every deadline in it is told.
    std::string wait(Duration duration);
    // Time passes, and nothing is told, as while the daemon is held up; wait(0s) after it tells the deadlines.
    void stall(Duration duration) { now_ += duration; }
    // Until the next deadline; how long that was.
    Duration to_deadline();

    [[nodiscard]] std::string state(const std::string& name) const;
    // "a ready, b waiting", by id.
    [[nodiscard]] std::string states() const;
    [[nodiscard]] const Service& service_named(const std::string& name) const;
    [[nodiscard]] std::string reason(const std::string& name) const { return service_named(name).reason; }
    [[nodiscard]] bool all_stopped() const { return all_stopped_; }
    // Names whose durable facts changed in the last step: "a b".
    [[nodiscard]] const std::string& remembered() const { return remembered_; }
    // What the last step decided, in its words: "a: launched: wanted up", in order.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    [[nodiscard]] const Supervisor& supervisor() const { return supervisor_; }
    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] ServiceId id(const std::string& name) const { return ids_.at(name); }

private:
    std::string step(const Event& event);
    std::string fact(const std::string& name, Fact fact);
    std::string probed(const std::string& name, std::uint32_t probe, ProbeOutcome outcome);
    [[nodiscard]] std::string describe(const Effect& effect) const;

    std::vector<Spec> specs_;
    RestartBudget budget_;
    Supervisor supervisor_;
    Instant now_ = Instant(std::chrono::hours(1));
    std::map<std::string, ServiceId> ids_;
    std::map<ServiceId, std::string> names_;
    std::string remembered_;
    std::map<ServiceId, Snapshot> records_;
    std::vector<std::string> notes_;
    std::uint32_t next_id_ = 1;
    bool all_stopped_ = false;
};

}  // namespace dpsup::core
