#include "control/handlers.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "control/backend.hpp"
#include "control/decode.hpp"
#include "control/encode.hpp"
#include "control/errors.hpp"
#include "control/event_fan.hpp"
#include "control/openapi.hpp"

namespace dpsup::control {
namespace {

using core::Verb;

void send(http::Exchange& exchange, std::string body) {
    http::Reply reply;
    reply.body = std::move(body);
    exchange.reply(std::move(reply));
}

void refuse(http::Exchange& exchange, const Error& error) {
    exchange.reply(error_reply(error));
}

// "waited for 2 services: db is starting (probe has not passed yet), ..."
Error not_reached(const CommandReply& reply) {
    constexpr std::size_t named_max = 5;
    std::vector<std::string> behind;
    std::string first;
    std::size_t count = 0;
    for (const auto& outcome : reply.services) {
        if (outcome.reached || ++count > named_max) continue;
        if (first.empty()) first = outcome.name;
        behind.push_back(outcome.name + " is " + std::string(to_string(outcome.state)) +
                         (outcome.reason.empty() ? "" : " (" + outcome.reason + ")"));
    }
    if (count > named_max) behind.push_back(std::to_string(count - named_max) + " more");
    const std::string what = behind.empty() ? "not all services got there" : listed(behind);
    const std::string hint =
        behind.size() == 1 ? "more with: dpsupctl explain " + first : "see dpsupctl status";
    if (reply.timed_out) return {"timeout", "the time-out passed first: " + what, hint};
    return {"not_reached", what, hint};
}

void send_outcome(http::Exchange& exchange, const Result<CommandReply>& reply) {
    if (!reply) return refuse(exchange, reply.error());
    const bool all_reached = std::all_of(reply->services.begin(), reply->services.end(),
                                         [](const ServiceOutcome& outcome) { return outcome.reached; });
    if (all_reached && !reply->timed_out) return send(exchange, encode(*reply));
    const Error error = not_reached(*reply);
    http::Reply answer;
    answer.status = http_status(error.code);
    answer.body = encode(error, *reply);
    exchange.reply(std::move(answer));
}

void carry_out(Call call, Result<CommandRequest> request) {
    if (!request) return refuse(*call.exchange, request.error());
    Backend& backend = call.context.backend;
    for (const auto& name : request->services)
        if (const auto known = backend.status_of(name); !known) return refuse(*call.exchange, known.error());
    request->by = call.by;
    auto alive = call.exchange->alive();
    backend.command(
        std::move(*request),
        [exchange = call.exchange](const Result<CommandReply>& reply) { send_outcome(*exchange, reply); },
        std::move(alive));
}

void command_one(Verb verb, Call call) {
    if (auto plain = check_no_query(call.target); !plain) return refuse(*call.exchange, plain.error());
    auto request = decode_command(verb, call.name, call.body);
    carry_out(std::move(call), std::move(request));
}

Result<void> check_plain(const Call& call) {
    if (auto plain = check_no_query(call.target); !plain) return plain;
    return check_no_body(call.body);
}

}  // namespace

void handle_status(Call call) {  // NOLINT(performance-unnecessary-value-param): one signature for all rows
    const Backend& backend = call.context.backend;
    const auto names = decode_names(call.target);
    if (!names) return refuse(*call.exchange, names.error());
    HostStatus host = backend.status();
    if (names->empty()) return send(*call.exchange, encode(host));

    std::vector<ServiceStatus> chosen;
    for (const auto& name : *names) {
        auto status = backend.status_of(name);
        if (!status) return refuse(*call.exchange, status.error());
        chosen.push_back(std::move(*status));
    }
    host.services = std::move(chosen);
    send(*call.exchange, encode(host));
}

void handle_explain(Call call) {  // NOLINT(performance-unnecessary-value-param): one signature for all rows
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    const auto explanation = call.context.backend.explain(call.name);
    if (!explanation) return refuse(*call.exchange, explanation.error());
    send(*call.exchange, encode(*explanation));
}

void handle_start(Call call) {
    command_one(Verb::start, std::move(call));
}
void handle_stop(Call call) {
    command_one(Verb::stop, std::move(call));
}
void handle_restart(Call call) {
    command_one(Verb::restart, std::move(call));
}
void handle_kill(Call call) {
    command_one(Verb::kill, std::move(call));
}
void handle_reload(Call call) {
    command_one(Verb::reload, std::move(call));
}

void handle_actions(Call call) {
    if (auto plain = check_no_query(call.target); !plain) return refuse(*call.exchange, plain.error());
    auto request = decode_action(call.body);
    carry_out(std::move(call), std::move(request));
}

void handle_plan(Call call) {
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    call.context.backend.plan([exchange = call.exchange](const Result<PlanReply>& plan) {
        if (!plan) return refuse(*exchange, plan.error());
        send(*exchange, encode(*plan, false));
    });
}

void handle_apply(Call call) {
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    call.context.backend.apply(call.by, [exchange = call.exchange](const Result<PlanReply>& plan) {
        if (!plan) return refuse(*exchange, plan.error());
        send(*exchange, encode(*plan, true));
    });
}

void handle_daemon_stop(Call call) {
    if (auto plain = check_no_query(call.target); !plain) return refuse(*call.exchange, plain.error());
    auto request = decode_daemon_stop(call.body);
    if (!request) return refuse(*call.exchange, request.error());
    request->by = call.by;
    call.context.backend.stop_daemon(std::move(*request),
                                     [exchange = call.exchange](const Result<DaemonStopReply>& reply) {
                                         if (!reply) return refuse(*exchange, reply.error());
                                         send(*exchange, encode(*reply));
                                     });
}

void handle_decisions(Call call) {  // NOLINT(performance-unnecessary-value-param): one signature for all rows
    const auto limit = decode_limit(call.target);
    if (!limit) return refuse(*call.exchange, limit.error());
    send(*call.exchange, encode(call.context.backend.recent_decisions(*limit)));
}

void handle_events(Call call) {
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    call.context.fan.open(*call.exchange);
}

void handle_version(Call call) {  // NOLINT(performance-unnecessary-value-param): one signature for all rows
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    send(*call.exchange, encode_version(call.context.version, ::getpid(), call.context.backend.daemon()));
}

void handle_reexec(Call call) {
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    call.context.backend.reexec(call.by, [exchange = call.exchange](const Result<ReexecReply>& reply) {
        if (!reply) return refuse(*exchange, reply.error());
        send(*exchange, encode(*reply));
    });
}

void handle_openapi(Call call) {  // NOLINT(performance-unnecessary-value-param): one signature for all rows
    if (auto plain = check_plain(call); !plain) return refuse(*call.exchange, plain.error());
    send(*call.exchange, std::string(openapi_document()));
}

}  // namespace dpsup::control
