#include "recorder.hpp"

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
        const core::Service* successor = supervisor_.find(name);
        if (successor == nullptr)
            log_.drop(name);
        else
            record(successor->id);
        return;
    }
    if (leaving != leaving_.end() && leaving->second != id) return;
    io::RunRecord record{core::snapshot_of(*service), world_.process_start(id), world_.output_offset(id),
                         world_.cgroup_root()};
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
