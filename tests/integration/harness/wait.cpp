#include "wait.hpp"

#include <algorithm>
#include <thread>

namespace dpsup::test {

bool eventually(const std::function<bool()>& condition, Clock::duration limit) {
    const auto deadline = Clock::now() + limit;
    Clock::duration nap = std::chrono::milliseconds(1);
    while (!condition()) {
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(nap);
        nap = std::min<Clock::duration>(nap * 2, std::chrono::milliseconds(20));
    }
    return true;
}

int left_ms(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
}

}  // namespace dpsup::test
