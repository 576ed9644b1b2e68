// When the threads of Workers end: what libraries do at a thread's end must not meet what they do at the program's.
#include "io/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "io/threads.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

struct Ending {
    std::atomic<bool> begun = false;
    std::atomic<bool> over = false;
};

// Makes the end of the calling thread last a while.
void end_slowly(const std::shared_ptr<Ending>& ending) {
    struct Slowly {
        std::shared_ptr<Ending> ending;
        ~Slowly() {
            if (!ending) return;
            ending->begun = true;
            std::this_thread::sleep_for(100ms);
            ending->over = true;
        }
    };
    thread_local Slowly slowly;
    slowly.ending = ending;
}

class WorkersTest : public testing::Test {
protected:
    // Runs the loop until `condition`.
    void run_until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            loop_.restart();
            loop_.run_one_for(1ms);
        }
    }

    boost::asio::io_context loop_;
    std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
};

TEST_F(WorkersTest, ThatAreIdleHaveEndedWhenTheyAreGone) {
    bool done = false;
    {
        Workers workers(loop_, 2);
        ASSERT_TRUE(workers.submit([ending = ending_] { end_slowly(ending); }, [&] { done = true; }));
        run_until([&] { return done; });
    }
    EXPECT_TRUE(ending_->over);
    EXPECT_TRUE(is_only_thread());
}

TEST_F(WorkersTest, ThatEndForWantOfWorkAreWaitedForToo) {
    {
        Workers workers(loop_, 2, 8, 1ms);
        ASSERT_TRUE(workers.submit([ending = ending_] { end_slowly(ending); }, [] {}));
        // Not by the loop: whether it takes notice before or only the destructor is all the same.
        while (!ending_->begun) std::this_thread::yield();
    }
    EXPECT_TRUE(ending_->over);
}

TEST_F(WorkersTest, StartAgainAfterTheyEndedForWantOfWork) {
    Workers workers(loop_, 1, 8, 1ms);
    for (int round = 0; round < 3; ++round) {
        bool done = false;
        const auto ending = std::make_shared<Ending>();
        ASSERT_TRUE(workers.submit([ending] { end_slowly(ending); }, [&] { done = true; }));
        run_until([&] { return done; });
        // The loop takes no notice: the next one is asked for before.
        while (!ending->begun) std::this_thread::yield();
    }
}

TEST_F(WorkersTest, LeaveACallThatHangsToItself) {
    std::promise<void> release;
    std::promise<void> entered;
    {
        Workers workers(loop_, 1);
        ASSERT_TRUE(workers.submit(
            [ending = ending_, &entered, may_go = release.get_future().share()] {
                end_slowly(ending);
                entered.set_value();
                may_go.wait();
            },
            [] { ADD_FAILURE() << "nobody is there to be told"; }));
        entered.get_future().wait();
    }
    EXPECT_FALSE(ending_->begun);
    EXPECT_FALSE(is_only_thread());
    release.set_value();
    while (!ending_->over) std::this_thread::yield();
    loop_.restart();
    loop_.run();
}

}  // namespace
}  // namespace dpsup::io
