// Every decision of the daemon, kept in one sentence: the last few of each service for `explain`, the last
// over all for whoever subscribes late, and told to the subscribers as it falls.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/id.hpp"
#include "control/backend.hpp"

namespace dpsup {

class DecisionLog {
public:
    using Listener = std::function<void(const control::Decision&)>;

    // Numbers the decision, keeps it and tells it.
    void add(ServiceId service, control::Decision decision);

    // Oldest first.
    [[nodiscard]] std::vector<control::Decision> of(ServiceId service) const;
    [[nodiscard]] std::vector<control::Decision> recent(std::size_t most) const;

    // The listener is told until the handle is destroyed, which may happen while it is being told.
    [[nodiscard]] std::shared_ptr<void> subscribe(Listener listener);

    void forget(ServiceId service);

private:
    std::uint64_t count_ = 0;
    std::deque<control::Decision> recent_;
    std::unordered_map<ServiceId, std::vector<control::Decision>> kept_;
    std::list<std::weak_ptr<Listener>> listeners_;
};

}  // namespace dpsup
