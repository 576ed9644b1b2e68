// Messages on their way to a log that may block: a terminal after ^S, a pipe that nobody reads, a journal that hangs.
// One thread writes them, and whoever logs never waits. When there is no room left the oldest are dropped, and counted.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

#include "base/time.hpp"

namespace dpsup::io {

class LogQueue {
public:
    using Write = std::function<void()>;
    using TellDropped = std::function<void(std::size_t count)>;

    // `tell_dropped` runs in the thread, where the messages are missing.
    LogQueue(std::size_t bytes_max, TellDropped tell_dropped);
    LogQueue(const LogQueue&) = delete;
    LogQueue& operator=(const LogQueue&) = delete;
    ~LogQueue();  // close(), without waiting

    // `write` runs later, in the thread; `bytes` is what it holds.
    void push(std::size_t bytes, Write write);

    // Waits until all that was pushed is written. False: not in time.
    [[nodiscard]] bool flush(Duration limit);

    // Takes no more, and waits until all is written. False: the thread hangs in a write, and was left behind.
    [[nodiscard]] bool close(Duration limit);

private:
    struct State;
    std::shared_ptr<State> state_;
    std::thread thread_;
};

}  // namespace dpsup::io
