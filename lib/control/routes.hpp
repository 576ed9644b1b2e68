// The one table of routes. Dispatch, 405s, roles and the check of the OpenAPI document all come from it: to
// add a route, add a row to routes.cpp, a handler, and its entry in openapi.json.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/http.hpp"
#include "control/roles.hpp"
#include "control/target.hpp"

namespace dpsup::control {

class Backend;
class EventFan;

// What handlers work with.
struct Context {
    Backend& backend;
    EventFan& fan;
    std::string version;
};

// One request on its way through a handler.
struct Call {
    Context& context;
    Target target;
    std::string name;  // what stands for {name} in the route's path
    std::string body;
    std::string by;  // who asks, for the reasons that are kept
    std::shared_ptr<http::Exchange> exchange;
};

struct Route {
    std::string_view method;
    std::string_view path;  // "/v1/services/{name}/start"
    Role role;              // the least that may
    std::string_view summary;
    void (*handle)(Call call);
};

[[nodiscard]] std::span<const Route> routes();

struct Match {
    const Route* route = nullptr;  // null: no such path, or none with this method
    std::string name;
    std::string allow;  // the methods that this path has; empty: no such path
};

[[nodiscard]] Match find_route(std::string_view method, const Target& target);

}  // namespace dpsup::control
