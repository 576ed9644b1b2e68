#include "support/fake_backend.hpp"

#include <algorithm>

#include "control/errors.hpp"

namespace dpsup::test {

using control::CommandReply;
using control::Decision;
using core::State;

control::ServiceStatus& FakeBackend::add(const std::string& name) {
    control::ServiceStatus status;
    status.name = name;
    status.kind = "process";
    status.state = State::ready;
    status.wanted = core::Wanted::up;
    status.pid = static_cast<std::int64_t>(4000 + services_.size());
    status.since = now;
    status.health = core::Health::passing;
    status.reason = "probe passed";
    return services_[name] = status;
}

void FakeBackend::decide(const std::string& name, State to, const std::string& reason) {
    Decision decision{decisions_.size() + 1, now, name, State::stopped, to, reason};
    if (const auto place = services_.find(name); place != services_.end()) {
        decision.from = place->second.state;
        place->second.state = to;
        place->second.reason = reason;
        place->second.since = now;
    }
    decisions_.push_back(decision);
    for (const auto& listener : *listeners_) listener(decision);
}

std::size_t FakeBackend::answer_waiting(const CommandReply& reply) {
    std::size_t answered = 0;
    for (auto& waiting : std::exchange(waiting_, {})) {
        if (waiting.alive.expired()) continue;
        waiting.reply(reply);
        ++answered;
    }
    return answered;
}

control::HostStatus FakeBackend::status() const {
    control::HostStatus host;
    host.host = "db1";
    host.services.reserve(services_.size());
    for (const auto& [name, status] : services_) host.services.push_back(status);
    return host;
}

Result<control::ServiceStatus> FakeBackend::status_of(const std::string& service) const {
    const auto place = services_.find(service);
    if (place != services_.end()) return place->second;
    std::vector<std::string_view> names;
    for (const auto& [name, status] : services_) names.push_back(name);
    return tl::unexpected<Error>(control::unknown_service(service, names));
}

Result<control::Explanation> FakeBackend::explain(const std::string& service) const {
    auto status = status_of(service);
    if (!status) return tl::unexpected<Error>(std::move(status.error()));
    control::Explanation explanation;
    explanation.status = *status;
    explanation.status.status_text = "serving 12 connections";
    explanation.summary = "It runs since its probe passed.";
    explanation.dependencies = {{"postgres", "ready", false, true, State::ready}};
    explanation.dependents = {"web"};
    explanation.probes = {{"health", "http http://127.0.0.1:80/", "passing", "HTTP 200"}};
    explanation.decisions = recent_decisions(20);
    explanation.log = log;
    return explanation;
}

control::ServiceOutcome FakeBackend::obey(const control::CommandRequest& request, const std::string& name) {
    const bool down = request.verb == core::Verb::stop || request.verb == core::Verb::kill;
    decide(name, down ? State::stopped : State::ready, "asked for by " + request.by);
    return {name, true, services_.at(name).state, services_.at(name).reason};
}

void FakeBackend::command(control::CommandRequest request, std::function<void(Result<CommandReply>)> reply,
                          std::weak_ptr<void> alive) {
    commands.push_back(request);
    if (!command_reply) return reply(command_reply);
    if (!command_reply->services.empty()) return reply(command_reply);
    if (!request.services.empty() && request.services.front().starts_with("slow")) {
        waiting_.push_back({std::move(reply), std::move(alive)});
        return;
    }
    if (request.all)
        for (const auto& [name, status] : services_) request.services.push_back(name);
    CommandReply done;
    for (const auto& name : request.services) done.services.push_back(obey(request, name));
    reply(std::move(done));
}

void FakeBackend::apply(const std::string& by, std::function<void(Result<control::PlanReply>)> reply) {
    applied_by.push_back(by);
    reply(plan_reply);
}

void FakeBackend::stop_daemon(control::DaemonStop request,
                              std::function<void(Result<control::DaemonStopReply>)> reply) {
    daemon_stops.push_back(request);
    reply(control::DaemonStopReply{4711, request.leave_services, std::chrono::seconds(190)});
}

std::shared_ptr<void> FakeBackend::subscribe(std::function<void(const Decision&)> listener) {
    const auto place = listeners_->insert(listeners_->end(), std::move(listener));
    return {nullptr, [listeners = listeners_, place](void*) { listeners->erase(place); }};
}

std::vector<Decision> FakeBackend::recent_decisions(std::size_t most) const {
    const std::size_t count = std::min(most, decisions_.size());
    return {decisions_.end() - static_cast<std::ptrdiff_t>(count), decisions_.end()};
}

void populate(FakeBackend& backend, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        auto& status = backend.add("service-" + std::to_string(i));
        status.pid = static_cast<std::int64_t>(10000 + i);
        status.restarts = i % 7;
        switch (i % 50) {
            case 17:
                status.state = State::waiting;
                status.health = core::Health::none;
                status.pid = 0;
                status.reason = "waits until service-0 is ready";
                break;
            case 33:
                status.state = State::backoff;
                status.health = core::Health::pending;
                status.pid = 0;
                status.reason = "exited with code 1; try 4 in 12.8s";
                break;
            default:
                break;
        }
    }
}

}  // namespace dpsup::test
