// What the control API may see and do: control::Backend, over the engine and the running configuration.
#pragma once

#include <boost/asio/io_context.hpp>

#include "applier.hpp"
#include "control/backend.hpp"
#include "engine.hpp"
#include "reexec.hpp"

namespace dpsup {

class EngineBackend : public control::Backend {
public:
    EngineBackend(Engine& engine, Applier& applier, Memory& memory, Reexec& reexec)
        : engine_(engine), applier_(applier), memory_(memory), reexec_(reexec) {}

    // What ends the daemon; set before anything is asked.
    using DaemonStopper = std::function<void(const control::DaemonStop&,
                                             std::function<void(Result<control::DaemonStopReply>)>)>;
    void on_daemon_stop(DaemonStopper stop) { stop_daemon_ = std::move(stop); }

    [[nodiscard]] control::HostStatus status() const override;
    [[nodiscard]] Result<control::ServiceStatus> status_of(const std::string& service) const override;
    [[nodiscard]] Result<control::Explanation> explain(const std::string& service) const override;
    void command(control::CommandRequest request, std::function<void(Result<control::CommandReply>)> reply,
                 std::weak_ptr<void> alive) override;
    void plan(std::function<void(Result<control::PlanReply>)> reply) override;
    void apply(const std::string& by, std::function<void(Result<control::PlanReply>)> reply) override;
    void stop_daemon(control::DaemonStop request,
                     std::function<void(Result<control::DaemonStopReply>)> reply) override {
        stop_daemon_(request, std::move(reply));
    }
    [[nodiscard]] control::DaemonStatus daemon() const override;
    void reexec(const std::string& by, std::function<void(Result<control::ReexecReply>)> reply) override;
    [[nodiscard]] std::shared_ptr<void> subscribe(
        std::function<void(const control::Decision&)> listener) override;
    [[nodiscard]] std::vector<control::Decision> recent_decisions(std::size_t most) const override;

private:
    [[nodiscard]] control::ServiceStatus status_from(const core::Service& service) const;
    [[nodiscard]] Result<core::Command> resolve(const control::CommandRequest& request) const;
    [[nodiscard]] std::vector<std::string> warnings_before(const core::Command& command) const;
    [[nodiscard]] control::CommandReply outcome(const std::vector<core::Target>& targets,
                                                const std::vector<std::string>& names, bool waited) const;
    [[nodiscard]] Error unknown_service(const std::string& name) const;

    Engine& engine_;
    Applier& applier_;
    Memory& memory_;
    DaemonStopper stop_daemon_;
    Reexec& reexec_;
};

}  // namespace dpsup
