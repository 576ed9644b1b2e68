#include "base/patient_call.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/signal_mask.hpp"

namespace dpsup {
namespace {

// Never destroyed: a thread may come back while the program ends.
struct Silent {
    std::mutex mutex;
    std::set<std::string> folders;
};

Silent& silent() {
    static auto& one = *new Silent;
    return one;
}

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/') + 1);
}

std::future<void> begin(const std::string& folder, std::function<void()> call) {
    std::promise<void> promise;
    std::future<void> made = promise.get_future();
    std::thread([folder, call = std::move(call), promise = std::move(promise)]() mutable {
        block_signals();
        call();
        const std::lock_guard lock(silent().mutex);
        silent().folders.erase(folder);
        promise.set_value();
    }).detach();
    return made;
}

}  // namespace

bool call_patiently(const std::string& path, const Patience& patience, std::function<void()> call) {
    const std::string folder = folder_of(path);
    std::unique_lock lock(silent().mutex);
    if (silent().folders.contains(folder)) return false;
    const Duration limit =
        silent().folders.empty() ? patience.limit : std::min(patience.limit, patience.limit_while_silent);
    lock.unlock();
    const std::future<void> made = begin(folder, std::move(call));
    if (made.wait_for(limit) == std::future_status::ready) return true;
    lock.lock();
    if (made.wait_for(Duration::zero()) == std::future_status::ready) return true;
    silent().folders.insert(folder);
    return false;
}

}  // namespace dpsup
