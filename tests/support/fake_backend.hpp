// A Backend in a few lines: services that obey at once, so that the API, its server and its client can be
// tested without an engine. A service whose name begins with "slow" answers only when told to.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "control/backend.hpp"

namespace dpsup::test {

class FakeBackend final : public control::Backend {
public:
    // Adds a ready service, which is what most tests want.
    control::ServiceStatus& add(const std::string& name);

    // Changes a state and tells the listeners, as a step of the engine would.
    void decide(const std::string& name, core::State to, const std::string& reason);
    void remove(const std::string& name) { services_.erase(name); }

    // Answers the commands that wait; those whose asker has gone are only dropped. Returns how many were
    // answered.
    std::size_t answer_waiting(const control::CommandReply& reply);
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

    [[nodiscard]] control::HostStatus status() const override;
    [[nodiscard]] Result<control::ServiceStatus> status_of(const std::string& service) const override;
    [[nodiscard]] Result<control::Explanation> explain(const std::string& service) const override;
    void command(control::CommandRequest request, std::function<void(Result<control::CommandReply>)> reply,
                 std::weak_ptr<void> alive) override;
    void plan(std::function<void(Result<control::PlanReply>)> reply) override { reply(plan_reply); }
    void apply(const std::string& by, std::function<void(Result<control::PlanReply>)> reply) override;
    void stop_daemon(control::DaemonStop request,
                     std::function<void(Result<control::DaemonStopReply>)> reply) override;
    [[nodiscard]] control::DaemonStatus daemon() const override { return daemon_status; }
    // At once another run, unless an error is to be given.
    void reexec(const std::string& by, std::function<void(Result<control::ReexecReply>)> reply) override {
        reexecuted_by.push_back(by);
        reply(reexec_reply);
        if (reexec_reply) daemon_status = after_reexec;
    }
    [[nodiscard]] std::shared_ptr<void> subscribe(
        std::function<void(const control::Decision&)> listener) override;
    [[nodiscard]] std::vector<control::Decision> recent_decisions(std::size_t most) const override;

    std::vector<control::CommandRequest> commands;  // as they came
    std::vector<std::string> applied_by;
    std::vector<control::DaemonStop> daemon_stops;
    std::vector<std::string> reexecuted_by;
    Result<control::ReexecReply> reexec_reply = control::ReexecReply{"/usr/sbin/dpsupd", "1.0", "1.1", "one"};
    control::DaemonStatus daemon_status{"one", {}, {}};
    control::DaemonStatus after_reexec{"two", std::chrono::milliseconds(12), {}};
    Result<control::PlanReply> plan_reply = control::PlanReply{};
    Result<control::CommandReply> command_reply = control::CommandReply{};  // an error is given back as it is
    control::LogPlace log{"none", "", ""};
    WallTime now{std::chrono::milliseconds(1763856000000)};  // 2025-11-23T00:00:00Z

private:
    using Listener = std::function<void(const control::Decision&)>;
    struct Waiting {
        std::function<void(Result<control::CommandReply>)> reply;
        std::weak_ptr<void> alive;
    };

    [[nodiscard]] control::ServiceOutcome obey(const control::CommandRequest& request,
                                               const std::string& name);

    std::map<std::string, control::ServiceStatus> services_;
    std::vector<control::Decision> decisions_;
    std::shared_ptr<std::list<Listener>> listeners_ = std::make_shared<std::list<Listener>>();
    std::vector<Waiting> waiting_;
};

// `count` services as a real host has them: most ready, some waiting, in backoff or failed, with reasons.
void populate(FakeBackend& backend, std::size_t count);

}  // namespace dpsup::test
