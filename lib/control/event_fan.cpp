#include "control/event_fan.hpp"

#include "control/encode.hpp"

namespace dpsup::control {

void EventFan::open(http::Exchange& exchange) {
    if (!subscription_)
        subscription_ = backend_.subscribe([this](const Decision& decision) { tell(decision); });
    const auto newest = backend_.recent_decisions(1);
    const std::uint64_t last = newest.empty() ? 0 : newest.back().number;
    auto stream =
        exchange.stream("application/x-ndjson", snapshot_line(backend_.status(), last), heartbeat_line());
    if (!stream.expired()) streams_.push_back(std::move(stream));
}

void EventFan::tell(const Decision& decision) {
    std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
    if (streams_.empty()) return;
    const auto status = backend_.status_of(decision.service);
    const std::string line = change_line(decision, status ? std::optional(*status) : std::nullopt);
    for (const auto& weak : streams_)
        if (const auto stream = weak.lock()) stream->write(line);
}

}  // namespace dpsup::control
