// The control API: a request in, a reply or a stream out. It knows routes, roles and JSON; it knows neither
// sockets (io/http) nor how services are run (Backend).
#pragma once

#include <string>

#include "base/http.hpp"
#include "control/backend.hpp"
#include "control/event_fan.hpp"
#include "control/roles.hpp"
#include "control/routes.hpp"

namespace dpsup::control {

class Api final : public http::Handler {
public:
    // `backend` outlives the API.
    Api(Backend& backend, Roles roles, std::string version);

    void handle(http::Request request, std::shared_ptr<http::Exchange> exchange) override;

    // For a new configuration; holds from the next request on.
    void set_roles(Roles roles) { roles_ = std::move(roles); }

private:
    void dispatch(http::Request request, const std::shared_ptr<http::Exchange>& exchange);

    EventFan fan_;
    Context context_;
    Roles roles_;
};

}  // namespace dpsup::control
