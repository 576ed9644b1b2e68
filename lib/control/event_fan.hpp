// Spreads the backend's decisions over all open event streams: encoded once, written to each.
#pragma once

#include <memory>
#include <vector>

#include "base/http.hpp"
#include "control/backend.hpp"

namespace dpsup::control {

class EventFan {
public:
    explicit EventFan(Backend& backend) : backend_(backend) {}
    EventFan(const EventFan&) = delete;
    EventFan& operator=(const EventFan&) = delete;

    // Answers with a snapshot and all that changes after it, without a gap or an overlap: both happen in one
    // turn of the engine's loop.
    void open(http::Exchange& exchange);

private:
    void tell(const Decision& decision);

    Backend& backend_;
    std::vector<std::weak_ptr<http::Stream>> streams_;
    std::shared_ptr<void> subscription_;
};

}  // namespace dpsup::control
