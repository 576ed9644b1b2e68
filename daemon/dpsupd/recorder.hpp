// Keeps the run log in step with the brain: what each step changed is on record before its effects are carried out.
#pragma once

#include <map>
#include <string>
#include <unordered_map>

#include "core/supervise/supervisor.hpp"
#include "io/state/run_log.hpp"
#include "world.hpp"

namespace dpsup {

class Recorder {
public:
    Recorder(io::RunLog log, const core::Supervisor& supervisor, const World& world)
        : log_(std::move(log)), inherited_(log_.take_found()), supervisor_(supervisor), world_(world) {}

    void record(const core::Output& output);

    // The turn of a launch has come; from now on it may run.
    void launch_begins(ServiceId id);

    // Everything has been stopped as it should: the next dpsupd starts afresh.
    void clear();

    // Everything that matters to a takeover is on record.
    [[nodiscard]] bool complete() const { return !failing_; }

    // Forgets services that are not configured any more.
    void keep_only(const std::map<std::string, ServiceId>& names);

    // What an earlier dpsupd of this boot left, until the world knows better.
    [[nodiscard]] const io::RunRecords& inherited() const { return inherited_; }

private:
    void record(ServiceId id);
    [[nodiscard]] std::uint64_t start_on_record(const std::string& name,
                                                const core::Snapshot& snapshot) const;
    [[nodiscard]] const std::string& definition_of(ServiceId id, const config::Service& config,
                                                   Generation generation);
    [[nodiscard]] bool is_queued(ServiceId id, const core::Service& service) const;
    void flush();

    struct Launched {
        Generation generation;
        std::string definition;
    };
    io::RunLog log_;
    io::RunRecords inherited_;
    const core::Supervisor& supervisor_;
    const World& world_;
    // Removed services that still run, by name: until they are gone, the record of the name is theirs.
    std::unordered_map<std::string, ServiceId> leaving_;
    std::unordered_map<ServiceId, Launched> launched_;
    bool failing_ = false;
};

}  // namespace dpsup
