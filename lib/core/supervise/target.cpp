#include "core/supervise/target.hpp"

namespace dpsup::core {
namespace {

TargetOutcome look_at_start(const Service& service) {
    if (service.wanted == Wanted::down) return TargetOutcome::missed;
    switch (service.state) {
        case State::ready:
        case State::done:
            return service.restart_wanted ? TargetOutcome::pending : TargetOutcome::reached;
        case State::backoff:
        case State::failed:
            return service.restart_wanted ? TargetOutcome::pending : TargetOutcome::missed;
        case State::stopped:
        case State::waiting:
        case State::starting:
        case State::unhealthy:
        case State::stopping:
        case State::unknown:
            return TargetOutcome::pending;
    }
    return TargetOutcome::pending;
}

TargetOutcome look_at_stop(const Service& service) {
    if (service.wanted == Wanted::up) return TargetOutcome::missed;
    return service.active() ? TargetOutcome::pending : TargetOutcome::reached;
}

TargetOutcome look_at_reload(const Target& target, const Service& service) {
    // Who was launched anew meanwhile has read its configuration.
    if (!service.run || service.generation != target.before)
        return service.active() ? TargetOutcome::reached : TargetOutcome::missed;
    if (service.run->reloads_open > 0) return TargetOutcome::pending;
    return service.run->reload_failure.empty() ? TargetOutcome::reached : TargetOutcome::missed;
}

}  // namespace

TargetOutcome look(const Target& target, const Service* service) {
    const bool ends = target.verb == Verb::stop || target.verb == Verb::kill;
    if (service == nullptr) return ends ? TargetOutcome::reached : TargetOutcome::missed;
    switch (target.verb) {
        case Verb::start:
            return look_at_start(*service);
        case Verb::stop:
            return look_at_stop(*service);
        case Verb::restart:
            // The instance that was to be replaced may look ready still.
            if (service->generation == target.before && service->wanted == Wanted::up && service->active())
                return TargetOutcome::pending;
            return look_at_start(*service);
        case Verb::kill:
            return service->active() && service->generation == target.before ? TargetOutcome::pending
                                                                             : TargetOutcome::reached;
        case Verb::reload:
            return look_at_reload(target, *service);
    }
    return TargetOutcome::pending;
}

}  // namespace dpsup::core
