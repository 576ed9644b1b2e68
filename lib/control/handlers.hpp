// One function a route. Each decodes, asks the backend and encodes; none decides anything about services.
#pragma once

#include "control/routes.hpp"

namespace dpsup::control {

void handle_status(Call call);
void handle_explain(Call call);
void handle_start(Call call);
void handle_stop(Call call);
void handle_restart(Call call);
void handle_kill(Call call);
void handle_reload(Call call);
void handle_actions(Call call);
void handle_plan(Call call);
void handle_apply(Call call);
void handle_daemon_stop(Call call);
void handle_decisions(Call call);
void handle_events(Call call);
void handle_version(Call call);
void handle_reexec(Call call);
void handle_openapi(Call call);

}  // namespace dpsup::control
