#include "control/api.hpp"

#include <exception>

#include "base/text.hpp"
#include "control/errors.hpp"

namespace dpsup::control {
namespace {

Error forbidden(Role has, const Role needs, const Roles& roles, uid_t uid, std::string_view summary) {
    const std::string who = name_of_user(uid);
    if (has == Role::nobody)
        return {"forbidden", who + " may not use dpsup on this host", roles.advice(needs)};
    return {"forbidden",
            who + " is " + std::string(to_string(has)) + " here, and this takes " +
                std::string(to_string(needs)) + ": " + std::string(summary),
            roles.advice(needs)};
}

Error unknown_path(std::string_view target) {
    return {"unknown_path", "there is nothing at " + quoted(target.substr(0, 200)),
            "GET /v1/openapi.json lists all paths"};
}

http::Reply wrong_method(std::string_view method, std::string allow) {
    auto reply =
        error_reply({"method_not_allowed", quoted(method) + " is not possible on this path", "use " + allow});
    reply.allow = std::move(allow);
    return reply;
}

}  // namespace

Api::Api(Backend& backend, Roles roles, std::string version)
    : fan_(backend), context_{backend, fan_, std::move(version)}, roles_(std::move(roles)) {}

void Api::handle(http::Request request, std::shared_ptr<http::Exchange> exchange) {
    try {
        dispatch(std::move(request), exchange);
    } catch (
        const std::exception& problem) {  // out of memory, mostly: this request fails, the daemon goes on
        exchange->reply(error_reply({"internal_error", std::string("the request failed: ") + problem.what(),
                                     "see the daemon's log: journalctl -u dpsupd"}));
    }
}

void Api::dispatch(http::Request request, const std::shared_ptr<http::Exchange>& exchange) {
    const Role role = roles_.role_of(request.peer);
    if (role == Role::nobody)
        return exchange->reply(error_reply(forbidden(role, Role::viewer, roles_, request.peer.uid, {})));
    auto target = parse_target(request.target);
    if (!target) return exchange->reply(error_reply(target.error()));
    auto match = find_route(request.method, *target);
    if (match.allow.empty()) return exchange->reply(error_reply(unknown_path(request.target)));
    if (match.route == nullptr) return exchange->reply(wrong_method(request.method, std::move(match.allow)));
    if (role < match.route->role)
        return exchange->reply(
            error_reply(forbidden(role, match.route->role, roles_, request.peer.uid, match.route->summary)));
    const bool commands = match.route->role >= Role::operator_role;  // only these keep who asked
    match.route->handle(Call{context_, std::move(*target), std::move(match.name), std::move(request.body),
                             commands ? name_of_user(request.peer.uid) : std::string(), exchange});
}

}  // namespace dpsup::control
