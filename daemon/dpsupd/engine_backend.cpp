#include "engine_backend.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "control/errors.hpp"
#include "explain.hpp"

namespace dpsup {
namespace {

// How long a `--wait` that names no time waits.
constexpr Duration wait_timeout_default = std::chrono::minutes(5);

bool contains(const std::vector<ServiceId>& ids, ServiceId id) {
    return std::ranges::find(ids, id) != ids.end();
}

std::string kind_of(const core::Service& service) {
    return service.policy.kind == core::Kind::job ? "job" : "process";
}

}  // namespace

control::ServiceStatus EngineBackend::status_from(const core::Service& service) const {
    control::ServiceStatus status;
    status.name = service.policy.name;
    status.kind = kind_of(service);
    status.state = service.state;
    status.wanted = service.wanted;
    status.pid = service.pid();
    status.restarts = service.restarts;
    status.since = Engine::on_the_wall(service.since);
    status.health = service.health();
    status.reason = core::standing_reason(service);
    status.status_text = engine_.world().status_text(service.id);
    return status;
}

control::HostStatus EngineBackend::status() const {
    control::HostStatus status;
    status.host = applier_.catalogue().config().host.name;
    status.shutting_down = engine_.supervisor().shutting_down();
    status.services.reserve(engine_.supervisor().size());
    engine_.supervisor().for_each(
        [&](const core::Service& service) { status.services.push_back(status_from(service)); });
    std::ranges::sort(status.services, {}, &control::ServiceStatus::name);
    return status;
}

Error EngineBackend::unknown_service(const std::string& name) const {
    std::vector<std::string_view> names;
    for (const auto& [known, id] : applier_.catalogue().ids()) names.push_back(known);
    return control::unknown_service(name, names);
}

Result<control::ServiceStatus> EngineBackend::status_of(const std::string& name) const {
    const core::Service* service = engine_.supervisor().find(name);
    if (service == nullptr) return tl::unexpected(unknown_service(name));
    return status_from(*service);
}

Result<control::Explanation> EngineBackend::explain(const std::string& name) const {
    const core::Service* service = engine_.supervisor().find(name);
    if (service == nullptr) return tl::unexpected(unknown_service(name));
    return dpsup::explain(*service, status_from(*service), engine_);
}

Result<core::Command> EngineBackend::resolve(const control::CommandRequest& request) const {
    core::Command command;
    command.verb = request.verb;
    command.cascade = request.cascade;
    command.stop_timeout = request.stop_timeout;
    command.signal = request.signal;
    command.by = request.by;
    if (request.all)
        for (const auto& [name, id] : applier_.catalogue().ids()) {
            const core::Service* service = engine_.supervisor().find(id);
            const bool skip = request.verb == core::Verb::kill && (service == nullptr || !service->active());
            if (!skip) command.services.push_back(id);
        }
    for (const std::string& name : request.services) {
        const core::Service* service = engine_.supervisor().find(name);
        if (service == nullptr) return tl::unexpected(unknown_service(name));
        command.services.push_back(service->id);
    }
    if (Result<void> sensible = engine_.supervisor().check(command); !sensible)
        return tl::unexpected(sensible.error());
    return command;
}

// What the command does not do although somebody might think so.
std::vector<std::string> EngineBackend::warnings_before(const core::Command& command) const {
    std::vector<std::string> warnings;
    const core::Supervisor& supervisor = engine_.supervisor();
    const std::vector<ServiceId> targets = supervisor.targets(command);
    for (const ServiceId id : targets) {
        const core::Service* service = supervisor.find(id);
        if (service == nullptr) continue;
        std::vector<std::string> names;
        if (command.verb == core::Verb::stop)
            for (const ServiceId dependent : supervisor.dependents_of(id)) {
                const core::Service* other = supervisor.find(dependent);
                if (other != nullptr && other->active() && !contains(targets, dependent))
                    names.push_back(other->policy.name);
            }
        if (!names.empty())
            warnings.push_back(listed(names) + (names.size() == 1 ? " depends" : " depend") + " on " +
                               service->policy.name + " and still run; --cascade stops them first");
        if (command.verb != core::Verb::start && command.verb != core::Verb::restart) continue;
        for (const core::Dependency& dependency : service->policy.depends_on) {
            const core::Service* other = supervisor.find(dependency.service);
            if (other == nullptr || dependency.optional || other->wanted == core::Wanted::up) continue;
            if (!contains(targets, other->id))
                warnings.push_back(service->policy.name + " needs " + dependency.service +
                                   ", which is stopped; --cascade starts it too");
        }
    }
    return warnings;
}

control::CommandReply EngineBackend::outcome(const std::vector<core::Target>& targets,
                                             const std::vector<std::string>& names, bool waited) const {
    control::CommandReply reply;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const core::Service* service = engine_.supervisor().find(targets[i].service);
        control::ServiceOutcome one;
        one.name = names[i];
        one.reached = !waited || core::look(targets[i], service) == core::TargetOutcome::reached;
        one.state = service == nullptr ? core::State::stopped : service->state;
        one.reason = service == nullptr ? "removed from the configuration" : core::standing_reason(*service);
        if (!one.reached && targets[i].verb == core::Verb::reload && service != nullptr && service->run)
            one.reason = service->run->reload_failure;
        reply.services.push_back(std::move(one));
    }
    return reply;
}

void EngineBackend::command(control::CommandRequest request,
                            std::function<void(Result<control::CommandReply>)> reply,
                            std::weak_ptr<void> alive) {
    const Result<core::Command> command = resolve(request);
    if (!command) return reply(tl::unexpected(command.error()));
    std::vector<std::string> warnings = warnings_before(*command);
    std::vector<core::Target> targets;
    std::vector<std::string> names;
    for (const ServiceId id : engine_.supervisor().targets(*command)) {
        const core::Service* service = engine_.supervisor().find(id);
        if (service == nullptr) continue;
        targets.push_back({id, command->verb, service->generation});
        names.push_back(service->policy.name);
    }
    engine_.feed(*command);
    // The reply comes when what the command means for the time after a crash is on disk too.
    memory_.when_saved([this, targets, names, warnings, request, reply = std::move(reply),
                        alive](const std::optional<Error>& error) mutable {
        if (error)
            warnings.push_back("done, but it cannot be remembered if dpsupd is started anew: " +
                               error->message);
        const auto answer = [this, targets, names, warnings, waited = request.wait,
                             reply = std::move(reply)](Waits::End end) {
            if (end == Waits::End::shutting_down)
                return reply(fail("shutting_down", "dpsupd is shutting down, and starts nothing any more",
                                  "start dpsupd again, then repeat the command"));
            if (end == Waits::End::reexecuting)
                return reply(fail(
                    "reexecuting",
                    "dpsupd re-executes itself: what was commanded goes on, but nobody waits for its end",
                    "see dpsupctl status"));
            control::CommandReply made = outcome(targets, names, waited);
            made.warnings = warnings;
            made.timed_out = end == Waits::End::timed_out;
            reply(std::move(made));
        };
        if (request.wait)
            engine_.waits().add(targets, request.wait_timeout.value_or(wait_timeout_default), alive, answer);
        else
            answer(Waits::End::reached_or_missed);
    });
}

void EngineBackend::plan(std::function<void(Result<control::PlanReply>)> reply) {
    applier_.plan(std::move(reply));
}

void EngineBackend::apply(const std::string& by, std::function<void(Result<control::PlanReply>)> reply) {
    applier_.apply(by, std::move(reply));
}

control::DaemonStatus EngineBackend::daemon() const {
    return reexec_.status();
}

void EngineBackend::reexec(const std::string& by, std::function<void(Result<control::ReexecReply>)> reply) {
    reexec_.request(by, std::move(reply));
}

std::shared_ptr<void> EngineBackend::subscribe(std::function<void(const control::Decision&)> listener) {
    return engine_.decisions().subscribe(std::move(listener));
}

std::vector<control::Decision> EngineBackend::recent_decisions(std::size_t most) const {
    return engine_.decisions().recent(most);
}

}  // namespace dpsup
