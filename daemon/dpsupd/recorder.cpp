#include "recorder.hpp"

#include "config/difference.hpp"
#include "log.hpp"

namespace dpsup {

void Recorder::clear() {
    log_.clear();
    flush();
}

void Recorder::keep_only(const std::map<std::string, ServiceId>& names) {
    log_.keep_only([&names](const std::string& name) { return names.contains(name); });
    std::erase_if(inherited_, [&names](const auto& one) {
        return !one.second.snapshot.run || !names.contains(one.first);
    });
    flush();
}

void Recorder::record(const core::Output& output) {
    for (const ServiceId id : output.record) record(id);
    for (const core::Effect& effect : output.effects)
        if (std::holds_alternative<core::Forget>(effect.action)) record(effect.service);
    flush();
}

void Recorder::record(ServiceId id) {
    const io::ServiceConfig config = world_.config_of(id);
    if (!config) return;
    const std::string& name = config->name;
    const core::Service* service = supervisor_.find(id);
    const auto leaving = leaving_.find(name);
    if (service == nullptr) {
        if (leaving != leaving_.end() && leaving->second == id) leaving_.erase(leaving);
        launched_.erase(id);
        const core::Service* successor = supervisor_.find(name);
        if (successor == nullptr)
            log_.drop(name);
        else
            record(successor->id);
        return;
    }
    if (leaving != leaving_.end() && leaving->second != id) return;
    io::RunRecord record;
    record.snapshot = core::snapshot_of(*service);
    record.process_start = world_.process_start(id);
    record.output_offset = world_.output_offset(id);
    record.cgroup_root = world_.cgroup_root();
    record.queued = is_queued(id, *service);
    record.definition = definition_of(id, *config, service->generation);
    record.stop_signal = service->policy.stop_signal;
    record.stop_timeout = service->policy.stop_timeout;
    for (const core::Dependency& dependency : service->policy.depends_on)
        record.depends_on.push_back(dependency.service);
    if (record.process_start == 0)
        record.process_start = start_on_record(name, record.snapshot);
    else
        inherited_.erase(name);
    if (service->removed) {
        leaving_[name] = id;
        // Should a new dpsupd find it under a service of the same name, it is not what that one describes.
        record.snapshot.restart_wanted = true;
        record.snapshot.restart_cause = "its configuration changed";
    }
    log_.set(name, record);
}

// It is asked for in the step that launches, before anybody can have changed the configuration again.
const std::string& Recorder::definition_of(ServiceId id, const config::Service& config,
                                           Generation generation) {
    Launched& launched = launched_[id];
    if (launched.generation == generation) return launched.definition;
    const auto known = inherited_.find(config.name);
    const bool inherited = known != inherited_.end() && known->second.snapshot.generation == generation;
    launched = {generation, inherited ? known->second.definition : config::launch_fingerprint(config)};
    return launched.definition;
}

// What is inherited is as it was until the world has said what became of it.
bool Recorder::is_queued(ServiceId id, const core::Service& service) const {
    if (!service.run || service.run->phase != core::RunPhase::launching) return false;
    const auto known = inherited_.find(service.policy.name);
    if (known != inherited_.end() && known->second.snapshot.generation == service.generation)
        return known->second.queued;
    return world_.queued(id, service.generation);
}

void Recorder::launch_begins(ServiceId id) {
    record(id);
    flush();
}

// Before the world has been asked what became of it, the record is all that is known.
std::uint64_t Recorder::start_on_record(const std::string& name, const core::Snapshot& snapshot) const {
    const auto known = inherited_.find(name);
    if (known == inherited_.end() || !snapshot.run || !known->second.snapshot.run) return 0;
    const bool same = known->second.snapshot.generation == snapshot.generation &&
                      known->second.snapshot.run->pid == snapshot.run->pid;
    return same ? known->second.process_start : 0;
}

// Supervision goes on without a record; only a takeover would miss what happened meanwhile.
void Recorder::flush() {
    const Result<void> written = log_.flush();
    if (written && failing_) log_info("the record of what runs is complete again");
    if (!written && !failing_) log_error(written.error());
    failing_ = !written;
}

}  // namespace dpsup
