// What happens next in virtual time. Things due at the same instant happen in an order that the seed decides,
// so that nothing comes to rely on one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sim/random.hpp"

namespace dpsup::sim {

class Agenda {
public:
    using Happening = std::function<void()>;

    explicit Agenda(std::uint64_t seed) : chance_(seed) {}

    [[nodiscard]] Instant now() const { return now_; }
    void set_now(Instant now) { now_ = now; }

    void at(Instant when, Happening happening) {
        entries_.push({std::max(when, now_), chance_.next(), ++count_, std::move(happening)});
    }
    void in(Duration wait, Happening happening) { at(now_ + wait, std::move(happening)); }

    // instant_never where nothing is planned.
    [[nodiscard]] Instant next() const { return entries_.empty() ? instant_never : entries_.top().when; }

    // Moves the clock to the next thing and lets it happen.
    void run_next() {
        // Moving out of top() is sound: the moved-from entry's keys, which order the heap, stay as they are.
        Happening happening = std::move(const_cast<Entry&>(entries_.top()).happening);
        now_ = entries_.top().when;
        entries_.pop();
        happening();
    }

private:
    struct Entry {
        Instant when;
        std::uint64_t tie = 0;
        std::uint64_t count = 0;
        Happening happening;

        bool operator>(const Entry& other) const {
            return std::tie(when, tie, count) > std::tie(other.when, other.tie, other.count);
        }
    };

    Random chance_;
    Instant now_{};
    std::uint64_t count_ = 0;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
};

}  // namespace dpsup::sim
