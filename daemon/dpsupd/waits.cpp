#include "waits.hpp"

#include <algorithm>
#include <utility>

namespace dpsup {

void Waits::add(std::vector<core::Target> targets, Duration timeout, std::weak_ptr<void> alive, Done done) {
    Wait wait{std::move(targets), std::move(alive), std::move(done), boost::asio::steady_timer(context_)};
    if (is_over(wait)) {
        wait.done(false);
        return;
    }
    const std::uint64_t number = ++last_;
    wait.timer.expires_after(std::min(timeout, Duration(std::chrono::hours(24))));
    // By number: a timer that has fired already is not recalled when look() ends its wait.
    wait.timer.async_wait([this, number](const boost::system::error_code& cancelled) {
        const auto found = waits_.find(number);
        if (cancelled || found == waits_.end()) return;
        const Wait late = std::move(found->second);
        waits_.erase(found);
        late.done(true);
    });
    waits_.emplace(number, std::move(wait));
}

void Waits::look() {
    std::vector<Wait> over;
    for (auto place = waits_.begin(); place != waits_.end();) {
        Wait& wait = place->second;
        if (!wait.alive.expired() && !is_over(wait)) {
            ++place;
            continue;
        }
        over.push_back(std::move(wait));
        place = waits_.erase(place);
    }
    for (const Wait& wait : over)
        if (!wait.alive.expired()) wait.done(false);
}

bool Waits::is_over(const Wait& wait) const {
    return std::ranges::none_of(wait.targets, [&](const core::Target& target) {
        return core::look(target, supervisor_.find(target.service)) == core::TargetOutcome::pending;
    });
}

}  // namespace dpsup
