#include "control/routes.hpp"

#include <array>

#include "control/handlers.hpp"

namespace dpsup::control {
namespace {

constexpr Role viewer = Role::viewer;
constexpr Role operators = Role::operator_role;
constexpr Role admin = Role::admin;

constexpr std::array table{
    Route{"GET", "/v1/status", viewer, "The state of all services, or of those named", handle_status},
    Route{"GET", "/v1/services/{name}", viewer, "Why one service is in its state", handle_explain},
    Route{"POST", "/v1/services/{name}/start", operators, "Start a service", handle_start},
    Route{"POST", "/v1/services/{name}/stop", operators, "Stop a service", handle_stop},
    Route{"POST", "/v1/services/{name}/restart", operators, "Restart a service", handle_restart},
    Route{"POST", "/v1/services/{name}/kill", operators, "Send a signal to all of a service's processes",
          handle_kill},
    Route{"POST", "/v1/services/{name}/reload", operators, "Let a service reload its configuration",
          handle_reload},
    Route{"POST", "/v1/actions", operators, "Command several services at once", handle_actions},
    Route{"GET", "/v1/plan", operators, "What applying the configuration files would do", handle_plan},
    Route{"POST", "/v1/apply", admin, "Apply the configuration files", handle_apply},
    Route{"POST", "/v1/daemon/stop", admin, "End the daemon, and with it all services, or leave them running",
          handle_daemon_stop},
    Route{"POST", "/v1/daemon/reexec", admin, "Replace the running dpsupd by the program on disk",
          handle_reexec},
    Route{"GET", "/v1/decisions", viewer, "The last decisions, oldest first", handle_decisions},
    Route{"GET", "/v1/events", viewer, "A snapshot, then every change as it happens", handle_events},
    Route{"GET", "/v1/version", viewer, "The daemon's version", handle_version},
    Route{"GET", "/v1/openapi.json", viewer, "This API's description", handle_openapi},
};

std::string_view take_segment(std::string_view& path) {
    path.remove_prefix(1);
    const auto end = path.find('/');
    const auto segment = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
    return segment;
}

// True where `pattern` fits; then `name` is what stands for {name}.
bool fits(std::string_view pattern, const std::vector<std::string>& path, std::string& name) {
    for (const auto& segment : path) {
        if (pattern.empty()) return false;
        const auto wanted = take_segment(pattern);
        if (wanted == "{name}")
            name = segment;
        else if (wanted != segment)
            return false;
    }
    return pattern.empty();
}

}  // namespace

std::span<const Route> routes() {
    return table;
}

Match find_route(std::string_view method, const Target& target) {
    Match match;
    for (const Route& route : table) {
        std::string name;
        if (!fits(route.path, target.path, name)) continue;
        match.allow.append(match.allow.empty() ? "" : ", ").append(route.method);
        if (route.method != method) continue;
        match.route = &route;
        match.name = std::move(name);
    }
    return match;
}

}  // namespace dpsup::control
