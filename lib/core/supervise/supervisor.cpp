#include "core/supervise/supervisor.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/signals.hpp"
#include "core/supervise/moves.hpp"
#include "core/supervise/words.hpp"

namespace dpsup::core {
namespace {

constexpr int signal_kill = 9;  // of the whole tree at once, where the kernel can do that

bool runs(State state) {
    return state == State::starting || state == State::ready || state == State::unhealthy;
}

bool is_running(const Service& service) {
    return service.run && service.run->phase == RunPhase::running;
}

bool is_done_job(const Service& service) {
    return service.policy.kind == Kind::job && service.state == State::done;
}

bool meets(const Service& dependency, Condition condition) {
    switch (condition) {
        case Condition::started:
            return is_done_job(dependency) || (runs(dependency.state) && is_running(dependency));
        case Condition::ready:
            return dependency.state == State::ready;
        case Condition::done:
            return dependency.state == State::done;
    }
    return false;
}

void reload(Service& service, Output& output) {
    if (!is_running(service) || !service.policy.can_reload) return;
    ++service.run->reloads_open;
    output.effects.push_back({service.id, service.generation, Reload{}});
}

// An optional dependency is waited for only while it is on its way.
bool is_on_its_way(const Service& dependency) {
    return dependency.state == State::waiting || dependency.state == State::starting;
}

// Why the dependency keeps its dependent from being launched, for people; empty where it does not.
std::string unmet(const Service* other, const Dependency& dependency) {
    if (other == nullptr) return dependency.optional ? "" : dependency.service + ", which is not configured";
    if (meets(*other, dependency.condition) && !other->restart_wanted) return {};
    if (dependency.optional && !is_on_its_way(*other)) return {};
    if (other->restart_wanted) return dependency.service + ", which is to restart first";
    std::string text = dependency.service + " to be " + to_string(dependency.condition) + " (it is " +
                       std::string(to_string(other->state));
    if (other->wanted == Wanted::down) text += ", and not wanted up";
    return text + ")";
}

}  // namespace

Output Supervisor::step(const Event& event, Instant now) {
    Output output;
    std::visit([&](const auto& one) { take(one, now, output); }, event);
    settle(std::holds_alternative<DeadlineReached>(event), now, output);
    if (shutting_down_ && active_ == 0 && !all_stopped_told_) {
        all_stopped_told_ = true;
        output.all_stopped = true;
    }
    return output;
}

Instant Supervisor::next_deadline() const {
    return deadlines_.empty() ? instant_never : deadlines_.begin()->first;
}

std::vector<ServiceId> Supervisor::due(Instant now) const {
    std::vector<ServiceId> ids;
    for (const auto& [deadline, id] : deadlines_) {
        if (deadline > now) break;
        ids.push_back(id);
    }
    return ids;
}

void Supervisor::take(const ServiceEvent& event, Instant now, Output& output) {
    const auto found = nodes_.find(event.service);
    if (found == nodes_.end()) return;
    Service& service = found->second.service;
    if (!service.run || service.run->generation != event.generation) return;
    take_in(service, event.fact, now, output);
    awake_.insert(event.service);
}

void Supervisor::take(const Command& command, Instant now, Output& output) {
    const std::set<ServiceId> named(command.services.begin(), command.services.end());
    for (const ServiceId id : closure(command)) {
        const auto found = nodes_.find(id);
        if (found == nodes_.end() || found->second.service.removed) continue;
        command_one(command, found->second, named.contains(id), now, output);
        awake_.insert(id);
    }
}

void Supervisor::command_one(const Command& command, Node& node, bool named, Instant now, Output& output) {
    Service& service = node.service;
    switch (command.verb) {
        case Verb::start:
            want_up(service, command.by, output);
            return;
        case Verb::stop:
            want_down(service, command.by, command.stop_timeout, now, output);
            return;
        case Verb::restart:
            // A dependent that is swept along is restarted, never started.
            if (!named && (!service.active() || service.wanted == Wanted::down)) return;
            if (service.active() || is_done_job(service)) want_restart(service, "restarted by " + command.by);
            want_up(service, command.by, output);
            if (service.active()) service.stop_timeout = command.stop_timeout;
            return;
        case Verb::kill:
            if (!service.active()) return;
            output.effects.push_back({service.id, service.generation,
                                      command.signal == signal_kill
                                          ? Action(KillTree{})
                                          : Action(SendSignal{command.signal, true})});
            output.notes.push_back({service.id, service.state, service.state,
                                    signal_name(command.signal) + " was sent by " + command.by});
            return;
        case Verb::reload:
            reload(service, output);
            return;
    }
}

void Supervisor::take(const ConfigLoaded& loaded, Instant now, Output& output) {
    budget_.configure(loaded.budget);
    for (const ServiceChange& one : loaded.changes) change(one, now, output);
    rebuild_graph();
    // A changed edge matters at both its ends; a new configuration is rare enough to look at everybody.
    for (const auto& [id, node] : nodes_) awake_.insert(id);
}

void Supervisor::add(const ServiceChange& change, Instant now, Output& output) {
    assert(!nodes_.contains(change.service));
    Service& service = nodes_[change.service].service;
    service.id = change.service;
    service.policy = change.policy;
    service.since = now;
    service.wanted = change.wanted_up.value_or(change.policy.autostart) ? Wanted::up : Wanted::down;
    service.reason = service.wanted == Wanted::up ? "not started yet" : "not wanted";
    by_name_[change.policy.name] = change.service;
    if (change.past) {
        restore(service, *change.past, now, output);
        // What ends from here on is a loss to its dependents, who knew it as it was.
        Node& node = nodes_[change.service];
        node.shown = face_of(service);
        if (node.shown.active) ++active_;
        return;
    }
    if (!change.done) return;
    service.state = State::done;
    service.reason = "completed before dpsupd was started";
    output.notes.push_back({service.id, State::stopped, State::done, service.reason});
}

void Supervisor::change(const ServiceChange& change, Instant now, Output& output) {
    awake_.insert(change.service);
    if (change.change == Change::add) {
        add(change, now, output);
        return;
    }
    const auto found = nodes_.find(change.service);
    assert(found != nodes_.end());
    if (found == nodes_.end()) return;
    Service& service = found->second.service;
    if (change.change == Change::remove) {
        service.removed = true;
        service.wanted = Wanted::down;
        if (const auto named = by_name_.find(service.policy.name);
            named != by_name_.end() && named->second == service.id)
            by_name_.erase(named);
        leaving_[service.policy.name].insert(service.id);
        output.remember.push_back(service.id);
        return;
    }
    update_policy(service, change.policy, now, output);
    if (change.change == Change::reload) reload(service, output);
    if (change.change != Change::restart) return;
    if (up(service) && service.state != State::stopped && service.state != State::waiting)
        want_restart(service, "its configuration changed: " + change.cause);
}

void Supervisor::take(const ShutdownRequested& /*request*/, Instant /*now*/, Output& /*output*/) {
    shutting_down_ = true;
    for (const auto& [id, node] : nodes_) awake_.insert(id);
}

void Supervisor::take(const DeadlineReached& /*reached*/, Instant now, Output& /*output*/) {
    for (const ServiceId id : due(now)) awake_.insert(id);
}

// A removed service keeps its edges until it is gone: it too stops before what it depends on.
void Supervisor::rebuild_graph() {
    for (auto& [id, node] : nodes_) {
        node.dependencies.clear();
        node.dependents.clear();
    }
    for (auto& [id, node] : nodes_) {
        for (const Dependency& dependency : node.service.policy.depends_on) {
            Node* other = node_staying_or_leaving(dependency.service);
            node.dependencies.push_back(other);
            if (other != nullptr) other->dependents.push_back(&node);
        }
    }
}

// Lowest id first, so that dependencies move before their dependents; whoever moves wakes its neighbours.
void Supervisor::settle(bool deadlines_count, Instant now, Output& output) {
    while (!awake_.empty()) {
        const ServiceId id = *awake_.begin();
        awake_.erase(awake_.begin());
        const auto found = nodes_.find(id);
        if (found == nodes_.end()) continue;
        Node& node = found->second;
        hear_missed_loss(node, now, output);
        Surroundings around = surroundings_of(node);
        around.deadlines_count = deadlines_count;
        advance(node.service, around, now, output);
        keep_deadline(node);
        show(node, now, output);
        record(node, output);
        if (node.service.removed && !node.service.active()) forget(id, output);
    }
}

void Supervisor::record(Node& node, Output& output) {
    const Service& service = node.service;
    Mark mark{service.state, service.generation, service.restart_wanted, service.restart_when_back};
    if (service.run) {
        mark.phase = service.run->phase;
        mark.pid = service.run->pid;
        mark.exited = service.run->exit.has_value();
        mark.notified = service.run->notified_ready;
        mark.stop_sent = service.run->stop_sent;
        mark.reload_open = service.run->reloads_open > 0;
        mark.verdicts = verdicts_of(*service.run);
        mark.start_deadline = service.run->start_deadline;
        if (mark.phase == RunPhase::asked) mark.kill_at = service.run->kill_at;
    }
    if (std::exchange(node.recorded, mark) != mark) output.record.push_back(service.id);
}

Supervisor::Face Supervisor::face_of(const Service& service) const {
    return {service.state,      service.active(), is_running(service),   is_completing(service),
            service.generation, up(service),      service.restart_wanted};
}

void Supervisor::show(Node& node, Instant now, Output& output) {
    const Service& service = node.service;
    // An instance may end and the next be launched within one step.
    const bool replaced = service.generation != node.shown.generation;
    const Face face = face_of(service);
    const bool served = runs(node.shown.state) || node.shown.completing;
    const bool ended = served && (replaced || !(runs(face.state) || face.completing));
    if (face == node.shown) return;
    if (face.active && !node.shown.active) ++active_;
    if (!face.active && node.shown.active) --active_;
    node.shown = face;
    // A job that completes is no loss to those whom its start sufficed.
    if (ended && !is_done_job(service)) tell_dependents_of_loss(node, now, output);
    for (const Node* dependent : node.dependents) awake_.insert(dependent->service.id);
    for (const Node* dependency : node.dependencies)
        if (dependency != nullptr && (to_stop(*dependency) || dependency->service.restart_when_back))
            awake_.insert(dependency->service.id);
}

void Supervisor::tell_dependents_of_loss(const Node& node, Instant now, Output& output) {
    const std::string& name = node.service.policy.name;
    for (Node* dependent : node.dependents) {
        Service& service = dependent->service;
        for (const Dependency& dependency : service.policy.depends_on) {
            if (dependency.service != name || dependency.optional || dependency.condition == Condition::done)
                continue;
            if (up(service))
                lose_dependency(service, name, now, output);
            else if (service.run)
                service.run->missed_loss = name;
            keep_deadline(*dependent);
        }
    }
}

// A dependency ended while the service was to stop anyway, in its turn; since then it is wanted again.
void Supervisor::hear_missed_loss(Node& node, Instant now, Output& output) {
    Service& service = node.service;
    if (!service.run || service.run->missed_loss.empty() || !up(service)) return;
    const std::string dependency = std::exchange(service.run->missed_loss, {});
    lose_dependency(service, dependency, now, output);
}

void Supervisor::keep_deadline(Node& node) {
    const Instant next = core::next_deadline(node.service);
    if (next == node.deadline) return;
    if (node.deadline != instant_never) deadlines_.erase({node.deadline, node.service.id});
    if (next != instant_never) deadlines_.insert({next, node.service.id});
    node.deadline = next;
}

void Supervisor::forget(ServiceId id, Output& output) {
    Node& node = nodes_.at(id);
    const std::string& name = node.service.policy.name;
    output.effects.push_back({id, node.service.generation, Forget{}});
    if (node.deadline != instant_never) deadlines_.erase({node.deadline, id});
    if (const auto leaving = leaving_.find(name); leaving != leaving_.end()) {
        leaving->second.erase(id);
        if (leaving->second.empty()) leaving_.erase(leaving);
    }
    if (const auto successor = by_name_.find(name); successor != by_name_.end())
        awake_.insert(successor->second);
    for (Node* dependency : node.dependencies)
        if (dependency != nullptr) std::erase(dependency->dependents, &node);
    for (Node* dependent : node.dependents) std::ranges::replace(dependent->dependencies, &node, nullptr);
    nodes_.erase(id);
}

bool Supervisor::up(const Service& service) const {
    return service.wanted == Wanted::up && !service.removed && !shutting_down_;
}

// It runs, and is to be ended or replaced.
bool Supervisor::to_stop(const Node& node) const {
    return node.service.active() && (!up(node.service) || node.service.restart_wanted);
}

bool Supervisor::holds(const Dependency& dependency) const {
    const Node* node = node_named(dependency.service);
    return unmet(node == nullptr ? nullptr : &node->service, dependency).empty();
}

void Supervisor::look_at_dependencies(const Node& node, Surroundings& around) const {
    const Service& service = node.service;
    if (leaving_.contains(service.policy.name)) {
        around.dependencies_hold = false;
        around.blocker = service.policy.name;
        around.waiting_for = "its predecessor of the same name to end";
        return;
    }
    for (std::size_t i = 0; i < node.dependencies.size(); ++i) {
        const Dependency& dependency = service.policy.depends_on[i];
        const Service* other = node.dependencies[i] == nullptr ? nullptr : &node.dependencies[i]->service;
        around.blocker = dependency.service;
        around.waiting_for = unmet(other, dependency);
        around.dependencies_hold = around.waiting_for.empty();
        if (!around.dependencies_hold) return;
        if (dependency.optional && (other == nullptr || !meets(*other, dependency.condition)))
            around.missing_optional = dependency.service;
    }
}

// Looks only at what advance() can need, since it is called for every service that moves.
Surroundings Supervisor::surroundings_of(const Node& node) {
    Surroundings around;
    around.shutting_down = shutting_down_;
    around.budget = &budget_;
    around.seed = seed_;
    const Service& service = node.service;
    const bool may_launch = !service.run || service.run->over || service.restart_when_back;
    if (may_launch && up(service)) look_at_dependencies(node, around);
    if (to_stop(node) || service.restart_when_back)
        around.dependents_gone =
            std::ranges::none_of(node.dependents, [&](const Node* dependent) { return to_stop(*dependent); });
    return around;
}

Supervisor::Node* Supervisor::node_staying_or_leaving(const std::string& name) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return &nodes_.at(found->second);
    const auto found = leaving_.find(name);
    return found == leaving_.end() ? nullptr : &nodes_.at(*found->second.rbegin());
}

}  // namespace dpsup::core
