#include "io/log_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// A log that writes nothing until it is told to.
class Log {
public:
    void write(const std::string& text) {
        if (!std::exchange(entered_, true)) hangs_.set_value();
        opened_.wait();
        const std::lock_guard lock(mutex_);
        lines_.push_back(text);
    }
    void wait_until_it_hangs() { hangs_.get_future().wait(); }
    void open() { gate_.set_value(); }
    [[nodiscard]] std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    bool entered_ = false;  // of the queue's thread
    std::promise<void> hangs_;
    std::promise<void> gate_;
    std::shared_future<void> opened_ = gate_.get_future().share();
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

class Queueing : public testing::Test {
protected:
    std::unique_ptr<LogQueue> queue(std::size_t bytes_max) {
        return std::make_unique<LogQueue>(
            bytes_max, [log = log](std::size_t count) { log->write(std::to_string(count) + " dropped"); });
    }
    void push(LogQueue& queue, const std::string& text, std::size_t bytes = 0) {
        queue.push(bytes, [log = log, text] { log->write(text); });
    }

    std::shared_ptr<Log> log = std::make_shared<Log>();
};

TEST_F(Queueing, IsFlushedOnceTheLastIsWritten) {
    const auto queued = queue(1 << 20);
    push(*queued, "a");
    push(*queued, "b");
    log->wait_until_it_hangs();
    EXPECT_FALSE(queued->flush(1ms));
    log->open();
    EXPECT_TRUE(queued->flush(10s));
    EXPECT_THAT(log->lines(), ElementsAre("a", "b"));
    push(*queued, "c");
    EXPECT_TRUE(queued->flush(10s));
    EXPECT_THAT(log->lines(), ElementsAre("a", "b", "c"));
}

TEST_F(Queueing, WritesAllInOrderBeforeItCloses) {
    const auto queued = queue(1 << 20);
    for (int i = 0; i < 100; ++i) push(*queued, std::to_string(i));
    log->open();
    ASSERT_TRUE(queued->close(60s));
    ASSERT_EQ(log->lines().size(), 100U);
    EXPECT_EQ(log->lines().front(), "0");
    EXPECT_EQ(log->lines().back(), "99");
}

TEST_F(Queueing, DropsTheOldestWhereTheLogHangsAndSaysHowMany) {
    const auto queued = queue(10'000);
    push(*queued, "first");
    log->wait_until_it_hangs();
    for (int i = 0; i < 100; ++i) push(*queued, std::to_string(i), 4'000);
    log->open();
    ASSERT_TRUE(queued->close(60s));
    EXPECT_THAT(log->lines(), ElementsAre("first", "98 dropped", "98", "99"));
}

TEST_F(Queueing, TakesOneMessageThatIsLargerThanAllRoom) {
    const auto queued = queue(100);
    push(*queued, "large", 1'000);
    log->open();
    ASSERT_TRUE(queued->close(60s));
    EXPECT_THAT(log->lines(), ElementsAre("large"));
}

TEST_F(Queueing, ClosesWithoutALogThatHangs) {
    const auto queued = queue(1'000);
    push(*queued, "never");
    EXPECT_FALSE(queued->close(10ms));
    push(*queued, "too late");
    EXPECT_THAT(log->lines(), ElementsAre());
    log->open();
}

}  // namespace
}  // namespace dpsup::io
