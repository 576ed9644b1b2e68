// The real world: carries the brain's effects out with the hands of lib/io, whose answers come back as
// events. No decision is taken here.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/supervise/effect.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/supervisor.hpp"
#include "io/journal/output.hpp"
#include "io/probe/runner.hpp"
#include "io/process/process_host.hpp"
#include "io/socket/service_sockets.hpp"

namespace dpsup {

class World {
public:
    using Sink = std::function<void(core::ServiceEvent)>;

    // What people must know of a service (by name) or of them all (""), beside what the brain decides.
    using Warnings = std::function<void(const std::string& service, const std::string& message)>;

    // `descriptors`: what outlives this daemon.
    World(boost::asio::io_context& context, io::DescriptorStore& descriptors, Sink sink, Warnings warnings);

    // Before anything else; fails where processes cannot be supervised at all.
    [[nodiscard]] Result<void> open(io::ProcessHostOptions options);

    // What is on record of a service's instance, for the Adopt that follows.
    struct Inherited {
        io::AdoptedProcess process;
        std::optional<std::uint64_t> output_offset;  // in its log file
        Instant launched_at;
        std::uint64_t verdicts = 0;  // of its probes: see core::verdicts_of
    };
    void expect(ServiceId id, const Inherited& inherited) { expected_[id] = inherited; }
    [[nodiscard]] io::AdoptedProcess expected(ServiceId id) const {
        const auto found = expected_.find(id);
        return found == expected_.end() ? io::AdoptedProcess{} : found->second.process;
    }
    // See ProcessHost::find_leftover().
    [[nodiscard]] std::optional<io::AdoptedProcess> find_leftover(const std::string& name,
                                                                  const io::AdoptedProcess& known) const {
        return processes_->find_leftover(name, known);
    }
    // Whatever else an earlier daemon left is killed.
    void end_adoption();
    [[nodiscard]] const std::string& cgroup_root() const { return cgroup_root_; }
    [[nodiscard]] bool queued(ServiceId id, Generation generation) const {
        return processes_->queued(id, generation);
    }
    [[nodiscard]] std::uint64_t process_start(ServiceId id) const { return processes_->process_start(id); }

    // The configuration with which the service is launched, probed and reloaded from now on.
    void configure(ServiceId id, io::ServiceConfig config);
    // Puts the configured limits on what runs of it.
    void limit(ServiceId id);
    [[nodiscard]] io::ServiceConfig config_of(ServiceId id) const;

    // Before the launches that follow from it are put on record.
    void note_launches(const core::Output& output);
    // Where in its log file the output of the current instance begins. None: it writes to none, or no log probe asks.
    [[nodiscard]] std::optional<std::uint64_t> output_offset(ServiceId id) const;

    void perform(const core::Effect& effect);

    [[nodiscard]] io::ProcessHost& processes() { return *processes_; }
    [[nodiscard]] std::string status_text(ServiceId id) const;
    // Where services' output goes: as it was when we started, whatever was configured since.
    [[nodiscard]] const io::OutputPaths& output_paths() const { return paths_; }

private:
    void perform(const core::Effect& effect, const core::Launch& launch);
    void perform(const core::Effect& effect, const core::Adopt& adopt);
    void perform(const core::Effect& effect, const core::SendSignal& signal);
    void perform(const core::Effect& effect, const core::KillTree& kill);
    void perform(const core::Effect& effect, const core::RunProbe& probe);
    void perform(const core::Effect& effect, const core::Reload& reload);
    void perform(const core::Effect& effect, const core::Hold& hold);
    void perform(const core::Effect& effect, const core::Release& release);
    void perform(const core::Effect& effect, const core::Forget& forget);
    void keep_notify_sockets(io::ProcessHostOptions& options);
    void inherit_notify_sockets();
    void adopt_sockets(ServiceId id, const config::Service& service);
    void note_output_place(ServiceId id, const config::Service& service);
    void note_output_began(ServiceId id, const io::OutputBegin& begin);
    [[nodiscard]] io::OutputPlace output_place(ServiceId id, const config::Service& service);
    void resume_log_probes(const core::Effect& effect, const config::Service& service, const Inherited& past);

    void close_sockets(ServiceId id);
    void clear_up_later();

    boost::asio::io_context& context_;
    io::DescriptorStore& descriptors_;
    boost::asio::steady_timer clear_up_timer_;
    Sink sink_;
    Warnings warnings_;
    io::ServiceSockets sockets_;
    std::unordered_map<ServiceId, io::ServiceConfig> configs_;
    std::unordered_map<ServiceId, io::OutputPlace> outputs_;  // of services with a log probe
    std::unordered_map<ServiceId, std::uint64_t> began_;      // of the others, in their log files
    std::unordered_map<ServiceId, Inherited> expected_;
    io::OutputPaths paths_;
    std::string cgroup_root_;
    std::unique_ptr<io::ProcessHost> processes_;
    std::unique_ptr<io::ProbeRunner> probes_;
};

}  // namespace dpsup
