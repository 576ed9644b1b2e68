// Live views, fed by the event stream: `status --watch` and `events`.
#pragma once

#include "dpsupctl/commands.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {

[[nodiscard]] Exit watch_status(const Options& options);

// Takes one line of the stream into the picture. True where the picture changed. `names`: the services shown;
// none: all. Pure.
bool take_event(StatusView& status, const EventView& event, const std::vector<std::string>& names);

// What a service that is not well waits for moves on without an event: takes it out of a later status. Pure.
void take_reasons(StatusView& status, const StatusView& later);

}  // namespace dpsup::ctl
