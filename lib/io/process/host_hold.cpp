// Before another program takes our place in this process: everything comes to a stand that it can go on from.
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

void ProcessHostImplementation::hold() {
    launches_held_ = true;
    commands_->hold();
}

void ProcessHostImplementation::resume() {
    launches_held_ = false;
    schedule_launches();
    commands_->resume();
    reaper_.resume();
}

void ProcessHostImplementation::run_as_daemon(std::vector<std::string> command, Duration timeout,
                                              ProcessHost::CommandCallback callback) {
    const auto own = std::make_shared<OwnCommand>(context_, worker_, reaper_, std::move(callback));
    own->run(std::move(command), starter_.defaults(), timeout);
}

}  // namespace dpsup::io
