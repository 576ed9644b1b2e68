#include "decision_log.hpp"

#include <algorithm>
#include <utility>

namespace dpsup {
namespace {

// Enough to see three failures with what led to them; a few hundred bytes each.
constexpr std::size_t kept_per_service = 12;
constexpr std::size_t kept_recent = 500;

}  // namespace

void DecisionLog::add(ServiceId service, control::Decision decision) {
    decision.number = ++count_;
    std::vector<control::Decision>& kept = kept_[service];
    if (kept.size() == kept_per_service) kept.erase(kept.begin());
    kept.push_back(decision);
    if (recent_.size() == kept_recent) recent_.pop_front();
    recent_.push_back(std::move(decision));
    const control::Decision& told = recent_.back();
    for (auto each = listeners_.begin(); each != listeners_.end();) {
        if (const auto listener = each->lock()) {
            (*listener)(told);
            ++each;
        } else {
            each = listeners_.erase(each);
        }
    }
}

std::vector<control::Decision> DecisionLog::of(ServiceId service) const {
    const auto found = kept_.find(service);
    return found == kept_.end() ? std::vector<control::Decision>{} : found->second;
}

std::vector<control::Decision> DecisionLog::recent(std::size_t most) const {
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, recent_.size()));
    return {recent_.end() - count, recent_.end()};
}

std::shared_ptr<void> DecisionLog::subscribe(Listener listener) {
    auto kept = std::make_shared<Listener>(std::move(listener));
    listeners_.push_back(kept);
    return kept;
}

void DecisionLog::forget(ServiceId service) {
    kept_.erase(service);
}

}  // namespace dpsup
