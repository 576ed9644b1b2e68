// Commands from people: whom they reach, and when they make no sense.
#include <algorithm>

#include "core/supervise/supervisor.hpp"
#include "core/supervise/words.hpp"

namespace dpsup::core {

const Service* Supervisor::find(ServiceId id) const {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : &found->second.service;
}

const Service* Supervisor::find(const std::string& name) const {
    const Node* node = node_named(name);
    return node == nullptr ? nullptr : &node->service;
}

const Supervisor::Node* Supervisor::node_named(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &nodes_.at(found->second);
}

std::vector<ServiceId> Supervisor::dependents_of(ServiceId id) const {
    std::vector<ServiceId> ids;
    if (const auto found = nodes_.find(id); found != nodes_.end())
        for (const Node* dependent : found->second.dependents) ids.push_back(dependent->service.id);
    return ids;
}

std::vector<ServiceId> Supervisor::targets(const Command& command) const {
    return closure(command);
}

namespace {

bool needs(const Service& dependent, const std::string& name) {
    return std::ranges::any_of(dependent.policy.depends_on, [&](const Dependency& dependency) {
        return dependency.service == name && !dependency.optional;
    });
}

}  // namespace

// start follows the hard dependencies; stop and restart follow the hard dependents.
std::vector<ServiceId> Supervisor::closure(const Command& command) const {
    std::set<ServiceId> reached(command.services.begin(), command.services.end());
    std::vector<ServiceId> open(reached.begin(), reached.end());
    const auto reach = [&](ServiceId id) {
        if (reached.insert(id).second) open.push_back(id);
    };
    while (command.cascade && !open.empty()) {
        const auto found = nodes_.find(open.back());
        open.pop_back();
        if (found == nodes_.end()) continue;
        const Node& node = found->second;
        if (command.verb == Verb::start) {
            for (const Dependency& dependency : node.service.policy.depends_on)
                if (const Node* other = node_named(dependency.service);
                    other != nullptr && !dependency.optional)
                    reach(other->service.id);
        } else if (command.verb == Verb::stop || command.verb == Verb::restart) {
            for (const Node* dependent : node.dependents)
                if (needs(dependent->service, node.service.policy.name)) reach(dependent->service.id);
        }
    }
    return {reached.begin(), reached.end()};
}

namespace {

// What to do where nothing of it runs that could be told.
std::string how_it_comes_to_run(const Service& service) {
    const std::string& name = service.policy.name;
    if (service.wanted == Wanted::down || service.state == State::failed || service.state == State::done)
        return "start it with: dpsupctl " +
               std::string(service.state == State::done ? "restart " : "start ") + name;
    if (service.state == State::backoff)
        return "it is launched again after that time; at once with: dpsupctl restart " + name;
    if (service.state == State::waiting)
        return "it is launched as soon as that is there; more with: dpsupctl explain " + name;
    return "wait for it with: dpsupctl start --wait " + name;
}

tl::unexpected<Error> not_running(const Service& service, const std::string& what) {
    return fail("refused",
                "cannot " + what + " " + service.policy.name + ": it is " +
                    (service.state == State::backoff ? "in " : "") + std::string(to_string(service.state)) +
                    " (" + standing_reason(service) + ")",
                how_it_comes_to_run(service));
}

}  // namespace

Result<void> Supervisor::check(const Command& command) const {
    if (shutting_down_ && command.verb != Verb::stop && command.verb != Verb::kill)
        return fail("shutting_down", "dpsupd is shutting down and starts nothing",
                    "start dpsupd again, then repeat the command");
    for (const ServiceId id : command.services) {
        const Service* service = find(id);
        if (service == nullptr) return fail("unknown_service", "there is no such service any more");
        if (command.verb == Verb::kill && !service->active()) return not_running(*service, "kill");
        if (command.verb != Verb::reload) continue;
        if (!service->policy.can_reload)
            return fail("refused", service->policy.name + " has no way to reload",
                        "set reload = { signal = \"HUP\" } or { command = [...] } in [service." +
                            service->policy.name + "], or restart it");
        if (!service->run || service->run->phase != RunPhase::running) return not_running(*service, "reload");
    }
    return {};
}

}  // namespace dpsup::core
