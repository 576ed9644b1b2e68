#include "io/workers.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/signal_mask.hpp"

namespace dpsup::io {
struct Workers::Thread {
    std::thread handle;
    bool busy = false;   // within a job
    bool ended = false;  // for want of work

    Thread() = default;
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() {
        if (handle.joinable()) handle.join();
    }
};

struct Workers::Shared {
    struct Job {
        std::function<void()> work;
        std::uint64_t number = 0;
    };

    explicit Shared(std::chrono::milliseconds most) : idle_max(most) {}

    void take_ended(std::list<Thread>& ended) {
        for (auto thread = threads.begin(); thread != threads.end();) {
            const auto one = thread++;
            if (one->ended) ended.splice(ended.end(), threads, one);
        }
    }

    const std::chrono::milliseconds idle_max;

    // Touched by the loop's thread only, so that whatever a `done` holds is never destroyed on another one.
    std::unordered_map<std::uint64_t, std::function<void()>> dones;
    std::uint64_t jobs_ever = 0;

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Job> jobs;
    std::list<Thread> threads;  // until they are joined
    std::size_t idle = 0;
    boost::asio::io_context* loop = nullptr;  // nullptr: closed
};

Workers::Workers(boost::asio::io_context& loop, std::size_t threads_max, std::size_t waiting_max,
                 std::chrono::milliseconds idle_max)
    : shared_(std::make_shared<Shared>(idle_max)), threads_max_(threads_max), waiting_max_(waiting_max) {
    shared_->loop = &loop;
}

// A thread that nobody waits for may still be ending while the program exits, and what a library does at the one and at the
// other must not meet: OpenSSL frees what it keeps for a thread in both, without a lock.
Workers::~Workers() {
    std::list<Thread> leaving;  // waited for without the lock
    const std::scoped_lock lock(shared_->mutex);
    shared_->loop = nullptr;
    shared_->jobs.clear();
    shared_->dones.clear();
    leaving.swap(shared_->threads);
    for (Thread& thread : leaving) {
        if (thread.busy) thread.handle.detach();
    }
    shared_->wake.notify_all();
}

bool Workers::submit(std::function<void()> work, std::function<void()> done) {
    std::list<Thread> ended;  // waited for without the lock
    const std::scoped_lock lock(shared_->mutex);
    shared_->take_ended(ended);
    if (shared_->jobs.size() >= waiting_max_) return false;
    if (shared_->jobs.size() >= shared_->idle && shared_->threads.size() < threads_max_) {
        Thread& thread = shared_->threads.emplace_back();
        try {
            thread.handle = std::thread(serve, shared_, std::ref(thread));
        } catch (const std::system_error&) {
            shared_->threads.pop_back();
            if (shared_->threads.empty()) return false;
        }
    }
    const std::uint64_t number = ++shared_->jobs_ever;
    shared_->jobs.push_back({std::move(work), number});
    shared_->dones.emplace(number, std::move(done));
    shared_->wake.notify_one();
    return true;
}

// `thread` is gone as soon as the loop is: whoever was in a job then looks at nothing but `shared`.
void Workers::serve(const std::shared_ptr<Shared>& shared, Thread& thread) {
    block_signals();
    std::unique_lock lock(shared->mutex);
    while (true) {
        ++shared->idle;
        const bool woken = shared->wake.wait_for(
            lock, shared->idle_max, [&] { return !shared->jobs.empty() || shared->loop == nullptr; });
        --shared->idle;
        if (shared->loop == nullptr) return;
        if (!woken) break;
        Shared::Job job = std::move(shared->jobs.front());
        shared->jobs.pop_front();
        thread.busy = true;
        lock.unlock();
        job.work();
        job.work = nullptr;
        lock.lock();
        if (shared->loop == nullptr) return;
        thread.busy = false;
        boost::asio::post(*shared->loop, [shared, number = job.number] { finish(*shared, number); });
    }
    thread.ended = true;
    boost::asio::post(*shared->loop, [shared] {
        std::list<Thread> ended;
        const std::scoped_lock once_more(shared->mutex);
        shared->take_ended(ended);
    });
}

void Workers::finish(Shared& shared, std::uint64_t number) {
    auto entry = shared.dones.extract(number);
    if (entry) entry.mapped()();
}

}  // namespace dpsup::io
