#include "waits.hpp"

#include <algorithm>
#include <utility>

namespace dpsup {

void Waits::add(std::vector<core::Target> targets, Duration timeout, std::weak_ptr<void> alive, Done done) {
    Wait wait{std::move(targets), std::move(alive), std::move(done), boost::asio::steady_timer(context_)};
    if (const std::optional<End> end = end_of(wait)) {
        wait.done(*end);
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
        late.done(End::timed_out);
    });
    waits_.emplace(number, std::move(wait));
}

void Waits::look() {
    std::vector<std::pair<Wait, End>> over;
    for (auto place = waits_.begin(); place != waits_.end();) {
        Wait& wait = place->second;
        const std::optional<End> end = end_of(wait);
        if (!wait.alive.expired() && !end) {
            ++place;
            continue;
        }
        over.emplace_back(std::move(wait), end.value_or(End::timed_out));
        place = waits_.erase(place);
    }
    for (const auto& [wait, end] : over)
        if (!wait.alive.expired()) wait.done(end);
}

void Waits::close() {
    closed_ = true;
    look();
}

std::optional<Waits::End> Waits::end_of(const Wait& wait) const {
    const auto pending = std::ranges::find_if(wait.targets, [&](const core::Target& target) {
        return core::look(target, supervisor_.find(target.service)) == core::TargetOutcome::pending;
    });
    if (pending == wait.targets.end()) return End::reached_or_missed;
    const bool ends = pending->verb == core::Verb::stop || pending->verb == core::Verb::kill;
    if (supervisor_.shutting_down() && !ends) return End::shutting_down;
    return closed_ ? std::optional(End::reexecuting) : std::nullopt;
}

}  // namespace dpsup
