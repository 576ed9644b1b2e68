#include "io/workers.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

namespace dpsup::io {
namespace {

constexpr std::chrono::seconds idle_max{5};

}  // namespace

struct Workers::Shared {
    struct Job {
        std::function<void()> work;
        std::uint64_t number = 0;
    };

    // Touched by the loop's thread only, so that whatever a `done` holds is never destroyed on another one.
    std::unordered_map<std::uint64_t, std::function<void()>> dones;
    std::uint64_t jobs_ever = 0;

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Job> jobs;
    std::size_t threads = 0;
    std::size_t idle = 0;
    boost::asio::io_context* loop = nullptr;  // nullptr: closed
};

Workers::Workers(boost::asio::io_context& loop, std::size_t threads_max, std::size_t waiting_max)
    : shared_(std::make_shared<Shared>()), threads_max_(threads_max), waiting_max_(waiting_max) {
    shared_->loop = &loop;
}

Workers::~Workers() {
    const std::scoped_lock lock(shared_->mutex);
    shared_->loop = nullptr;
    shared_->jobs.clear();
    shared_->dones.clear();
    shared_->wake.notify_all();
}

bool Workers::submit(std::function<void()> work, std::function<void()> done) {
    const std::scoped_lock lock(shared_->mutex);
    if (shared_->jobs.size() >= waiting_max_) return false;
    if (shared_->jobs.size() >= shared_->idle && shared_->threads < threads_max_) {
        try {
            std::thread(serve, shared_).detach();
            ++shared_->threads;
        } catch (const std::system_error&) {
            if (shared_->threads == 0) return false;
        }
    }
    const std::uint64_t number = ++shared_->jobs_ever;
    shared_->jobs.push_back({std::move(work), number});
    shared_->dones.emplace(number, std::move(done));
    shared_->wake.notify_one();
    return true;
}

void Workers::serve(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    while (true) {
        ++shared->idle;
        const bool woken = shared->wake.wait_for(
            lock, idle_max, [&] { return !shared->jobs.empty() || shared->loop == nullptr; });
        --shared->idle;
        if (!woken || shared->loop == nullptr) break;
        Shared::Job job = std::move(shared->jobs.front());
        shared->jobs.pop_front();
        lock.unlock();
        job.work();
        job.work = nullptr;
        lock.lock();
        if (shared->loop == nullptr) break;
        boost::asio::post(*shared->loop, [shared, number = job.number] { finish(*shared, number); });
    }
    --shared->threads;
}

void Workers::finish(Shared& shared, std::uint64_t number) {
    auto entry = shared.dones.extract(number);
    if (entry) entry.mapped()();
}

}  // namespace dpsup::io
