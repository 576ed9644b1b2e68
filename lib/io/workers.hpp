// A few threads for calls that may block and cannot be told not to: resolving a name, reading a log, loading
// a library. They are started when there is work and end when there has been none for a while. The loop's
// thread never waits for a call, not even in the destructor: one that hangs is left to itself. Threads that are in
// no call have ended when the destructor returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class Workers {
public:
    // `loop` must outlive this object, and must allow posts from other threads (no "unsafe" concurrency
    // hint). At most `waiting_max` jobs wait for a thread; a thread without work ends after `idle_max`.
    Workers(boost::asio::io_context& loop, std::size_t threads_max, std::size_t waiting_max = 1024,
            std::chrono::milliseconds idle_max = std::chrono::seconds(5));
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers();

    // Runs `work` on a thread of its own, then `done` on the loop; `done` is dropped where this object has
    // gone by then. `work` must own all that it touches. False: too much is waiting already, or no thread can
    // be had.
    [[nodiscard]] bool submit(std::function<void()> work, std::function<void()> done);

private:
    struct Shared;
    struct Thread;
    static void serve(const std::shared_ptr<Shared>& shared, Thread& thread);
    static void finish(Shared& shared, std::uint64_t number);

    std::shared_ptr<Shared> shared_;
    std::size_t threads_max_;
    std::size_t waiting_max_;
};

}  // namespace dpsup::io
