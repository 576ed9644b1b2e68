// The router over all services of a host: step(event, now) -> effects. It knows the dependency graph, the
// restart budget and the shutdown; what one service does is decided in service.hpp.
//
// After an event every service that it touched advances; each transition wakes the dependents (they may
// start, or have lost something) and the dependencies (they may stop now); so the work of an event is that of
// the services that really move.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "core/supervise/service.hpp"

namespace dpsup::core {

class Supervisor {
public:
    // `seed`: chance for jitter; the same seed and events give the same decisions.
    explicit Supervisor(std::uint64_t seed = 0) : seed_(seed) {}

    [[nodiscard]] Output step(const Event& event, Instant now);

    // The instant at which DeadlineReached must be told; instant_never where there is none.
    [[nodiscard]] Instant next_deadline() const;
    // Those whose deadline has come.
    [[nodiscard]] std::vector<ServiceId> due(Instant now) const;

    // nullptr where there is no such service.
    [[nodiscard]] const Service* find(ServiceId id) const;
    [[nodiscard]] const Service* find(const std::string& name) const;

    // Calls visit(const Service&) for each, by id: the order in which they were added (dependencies first).
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& [id, node] : nodes_) visit(node.service);
    }
    [[nodiscard]] std::size_t size() const { return nodes_.size(); }

    // Services that name this one in depends_on.
    [[nodiscard]] std::vector<ServiceId> dependents_of(ServiceId id) const;

    // Whether the dependency would let its dependent be launched now.
    [[nodiscard]] bool holds(const Dependency& dependency) const;

    [[nodiscard]] bool shutting_down() const { return shutting_down_; }

    // Whether `command` makes sense now; the error says why not and what would help. Changes nothing.
    [[nodiscard]] Result<void> check(const Command& command) const;

    // The command's services, and with cascade their dependencies or dependents too, by id.
    [[nodiscard]] std::vector<ServiceId> targets(const Command& command) const;

private:
    // What the neighbours care about; they are woken when it changes.
    struct Face {
        State state = State::stopped;
        bool active = false;
        bool launched = false;
        bool completing = false;
        Generation generation;
        bool up = false;
        bool restart_wanted = false;
        bool operator==(const Face&) const = default;
    };
    // What a snapshot consists of, as far as it changes by itself; it is recorded when this changes.
    struct Mark {
        State state = State::stopped;
        Generation generation;
        bool restart_wanted = false;
        bool restart_when_back = false;
        RunPhase phase = RunPhase::launching;
        pid_t pid = 0;
        bool exited = false;
        bool notified = false;
        bool stop_sent = false;
        bool reload_open = false;
        std::uint64_t verdicts = 0;
        Instant start_deadline = instant_never;
        Instant kill_at = instant_never;  // asked
        bool operator==(const Mark&) const = default;
    };
    struct Node {
        Service service;
        std::vector<Node*> dependencies;  // as Policy::depends_on; nullptr where there is none of the name
        std::vector<Node*> dependents;    // services that name this one in depends_on
        Face shown;                       // as the neighbours last saw it
        Mark recorded;
        Instant deadline = instant_never;  // as it stands in deadlines_
    };

    void take(const ServiceEvent& event, Instant now, Output& output);
    void take(const Command& command, Instant now, Output& output);
    void take(const ConfigLoaded& loaded, Instant now, Output& output);
    void take(const ShutdownRequested& request, Instant now, Output& output);
    void take(const DeadlineReached& reached, Instant now, Output& output);

    void command_one(const Command& command, Node& node, bool named, Instant now, Output& output);
    void change(const ServiceChange& change, Instant now, Output& output);
    void add(const ServiceChange& change, Instant now, Output& output);
    void rebuild_graph();
    void settle(bool deadlines_count, Instant now, Output& output);
    void show(Node& node, Instant now, Output& output);
    [[nodiscard]] Face face_of(const Service& service) const;
    static void record(Node& node, Output& output);
    void tell_dependents_of_loss(const Node& node, Instant now, Output& output);
    void hear_missed_loss(Node& node, Instant now, Output& output);
    void keep_deadline(Node& node);
    void forget(ServiceId id, Output& output);

    [[nodiscard]] bool up(const Service& service) const;
    [[nodiscard]] bool to_stop(const Node& node) const;
    [[nodiscard]] Surroundings surroundings_of(const Node& node);
    void look_at_dependencies(const Node& node, Surroundings& around) const;
    [[nodiscard]] std::vector<ServiceId> closure(const Command& command) const;
    [[nodiscard]] const Node* node_named(const std::string& name) const;
    [[nodiscard]] Node* node_staying_or_leaving(const std::string& name);

    std::uint64_t seed_;
    std::map<ServiceId, Node> nodes_;
    std::unordered_map<std::string, ServiceId> by_name_;
    std::unordered_map<std::string, std::set<ServiceId>>
        leaving_;  // removed; something of them may still run
    std::set<std::pair<Instant, ServiceId>> deadlines_;
    std::set<ServiceId> awake_;
    Budget budget_;
    bool shutting_down_ = false;
    bool all_stopped_told_ = false;
    std::size_t active_ = 0;
};

}  // namespace dpsup::core
