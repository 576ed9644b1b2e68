#include "explain.hpp"

#include <utility>

#include "base/units.hpp"
#include "core/supervise/words.hpp"
#include "io/clock.hpp"
#include "io/journal/output.hpp"
#include "io/probe/describe.hpp"

namespace dpsup {
namespace {

// A chain of waiting services longer than this says nothing more to a reader.
constexpr int chain_max = 8;

const core::Dependency* first_unmet(const core::Service& service, const core::Supervisor& supervisor) {
    for (const core::Dependency& dependency : service.policy.depends_on)
        if (!supervisor.holds(dependency)) return &dependency;
    return nullptr;
}

// Follows what a waiting service waits for to the one that does not itself wait.
std::string root_cause(const core::Service& service, const core::Supervisor& supervisor) {
    std::string text;
    const core::Service* at = &service;
    for (int steps = 0; steps < chain_max && at->state == core::State::waiting; ++steps) {
        const core::Dependency* dependency = first_unmet(*at, supervisor);
        const core::Service* next = dependency == nullptr ? nullptr : supervisor.find(dependency->service);
        if (next == nullptr) break;
        text += " " + next->policy.name + " is " + std::string(to_string(next->state)) + ": " +
                core::standing_reason(*next) + ".";
        at = next;
    }
    return text;
}

std::string summary_of(const core::Service& service, const core::Supervisor& supervisor) {
    return service.policy.name + " is " + std::string(to_string(service.state)) + " since " +
           format_duration_rounded(io::now() - service.since) + ": " + core::standing_reason(service) + "." +
           root_cause(service, supervisor);
}

std::string to_text(core::ProbeVerdict verdict) {
    switch (verdict) {
        case core::ProbeVerdict::pending:
            return "pending";
        case core::ProbeVerdict::passing:
            return "passing";
        case core::ProbeVerdict::failing:
            return "failing";
    }
    return "?";
}

std::vector<control::ProbeStatus> probes_of(const core::Service& service, const config::Service& config) {
    std::vector<control::ProbeStatus> probes;
    for (std::size_t i = 0; i < service.policy.probes.size() && i < config.targets.size(); ++i) {
        control::ProbeStatus probe;
        probe.role = to_string(service.policy.probes[i].role);
        probe.target = io::describe(config.targets[i]);
        const bool known = service.run && i < service.run->probes.size();
        probe.verdict = known ? to_text(service.run->probes[i].verdict) : "pending";
        if (known) probe.detail = service.run->probes[i].detail;
        probes.push_back(std::move(probe));
    }
    return probes;
}

control::LogPlace log_place(const config::Service& service, const io::OutputPaths& paths) {
    switch (io::resolve_target(service.process.log, paths)) {
        case config::LogConfig::Target::journal:
            return {"journal", "", service.name, paths.journal_unit};
        case config::LogConfig::Target::file:
            return {"file", io::log_file_of(service.name, paths), "", ""};
        case config::LogConfig::Target::automatic:
        case config::LogConfig::Target::none:
            return {"none", "", "", ""};
    }
    return {"none", "", "", ""};
}

}  // namespace

control::Explanation explain(const core::Service& service, control::ServiceStatus status,
                             const Engine& engine) {
    const core::Supervisor& supervisor = engine.supervisor();
    control::Explanation explanation;
    explanation.status = std::move(status);
    explanation.summary = summary_of(service, supervisor);
    for (const core::Dependency& dependency : service.policy.depends_on) {
        const core::Service* other = supervisor.find(dependency.service);
        explanation.dependencies.push_back({dependency.service, to_string(dependency.condition),
                                            dependency.optional, supervisor.holds(dependency),
                                            other == nullptr ? core::State::stopped : other->state});
    }
    for (const ServiceId id : supervisor.dependents_of(service.id))
        if (const core::Service* dependent = supervisor.find(id))
            explanation.dependents.push_back(dependent->policy.name);
    explanation.decisions = engine.decisions().of(service.id);
    if (const io::ServiceConfig config = engine.world().config_of(service.id)) {
        explanation.probes = probes_of(service, *config);
        explanation.log = log_place(*config, engine.world().output_paths());
    }
    return explanation;
}

}  // namespace dpsup
