#include "io/log_queue.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/signal_mask.hpp"

namespace dpsup::io {

// Shared with the thread, which may be left behind.
struct LogQueue::State {
    struct Message {
        std::size_t bytes = 0;
        Write write;
    };

    State(std::size_t most, TellDropped tell) : bytes_max(most), tell_dropped(std::move(tell)) {}

    void work() {
        block_signals();
        std::unique_lock lock(mutex);
        for (;;) {
            awake.wait(lock, [this] { return closing || !queued.empty(); });
            if (queued.empty()) break;
            const std::size_t missing = std::exchange(dropped, 0);
            const Message message = std::move(queued.front());
            queued.pop_front();
            bytes -= message.bytes;
            writing = true;
            lock.unlock();
            if (missing > 0) tell_dropped(missing);
            message.write();
            lock.lock();
            writing = false;
            if (queued.empty()) over.notify_all();
        }
        done = true;
        over.notify_all();
    }

    const std::size_t bytes_max;
    const TellDropped tell_dropped;

    std::mutex mutex;  // guards what follows
    std::condition_variable awake;
    std::condition_variable over;
    std::deque<Message> queued;
    std::size_t bytes = 0;
    std::size_t dropped = 0;
    bool writing = false;  // one that was taken off the queue
    bool closing = false;
    bool done = false;
};

LogQueue::LogQueue(std::size_t bytes_max, TellDropped tell_dropped)
    : state_(std::make_shared<State>(bytes_max, std::move(tell_dropped))),
      thread_([state = state_] { state->work(); }) {}

LogQueue::~LogQueue() {
    (void)close(Duration::zero());
}

void LogQueue::push(std::size_t bytes, Write write) {
    const std::size_t held = bytes + sizeof(State::Message);
    std::deque<State::Message> leaving;  // destroyed without the lock
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->closing) return;
        state_->queued.push_back({held, std::move(write)});
        state_->bytes += held;
        while (state_->bytes > state_->bytes_max && state_->queued.size() > 1) {
            state_->bytes -= state_->queued.front().bytes;
            leaving.push_back(std::move(state_->queued.front()));
            state_->queued.pop_front();
            ++state_->dropped;
        }
    }
    state_->awake.notify_one();
}

bool LogQueue::flush(Duration limit) {
    std::unique_lock lock(state_->mutex);
    return state_->over.wait_for(lock, limit, [this] { return state_->queued.empty() && !state_->writing; });
}

bool LogQueue::close(Duration limit) {
    if (!thread_.joinable()) return true;
    std::unique_lock lock(state_->mutex);
    state_->closing = true;
    state_->awake.notify_one();
    const bool written = state_->over.wait_for(lock, limit, [this] { return state_->done; });
    lock.unlock();
    written ? thread_.join() : thread_.detach();
    return written;
}

}  // namespace dpsup::io
