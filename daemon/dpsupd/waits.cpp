#include "waits.hpp"

#include <algorithm>
#include <utility>

namespace dpsup {

void Waits::add(std::vector<core::Target> targets, Duration timeout, std::weak_ptr<void> alive, Done done) {
    waits_.push_back(
        {std::move(targets), std::move(alive), std::move(done), boost::asio::steady_timer(context_)});
    const auto place = std::prev(waits_.end());
    if (is_over(*place)) {
        const Wait over = std::move(*place);
        waits_.erase(place);
        over.done(false);
        return;
    }
    place->timer.expires_after(std::min(timeout, Duration(std::chrono::hours(24))));
    place->timer.async_wait([this, place](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        const Wait late = std::move(*place);
        waits_.erase(place);
        late.done(true);
    });
}

void Waits::look() {
    std::vector<Wait> over;
    for (auto wait = waits_.begin(); wait != waits_.end();) {
        const auto next = std::next(wait);
        if (wait->alive.expired() || is_over(*wait)) {
            wait->timer.cancel();
            over.push_back(std::move(*wait));
            waits_.erase(wait);
        }
        wait = next;
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
