// Launches whose preparation reads files that do not answer.
#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <future>
#include <optional>

#include "io/process/launch_worker.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

class Preparing : public ::testing::Test {
protected:
    ~Preparing() override { answer(); }

    void answer() {
        if (!std::exchange(answered_, true)) answers_.set_value();
    }

    [[nodiscard]] static Staged<void> make_plan(LaunchJob& job) {
        job.plan = std::make_unique<LaunchPlan>(config::Process{}, std::make_shared<Identity>(),
                                                std::vector<std::string>{job.name}, "/" + job.name,
                                                std::vector<std::string>{});
        return {};
    }

    // Its files answer when answer() says so, or at once.
    [[nodiscard]] LaunchJob job(const std::string& name, bool hangs) {
        LaunchJob made;
        made.name = name;
        made.prepare = [this, hangs, answered = answered_later_](LaunchJob& job) {
            if (hangs) {
                ++hanging_;
                answered.wait();
            }
            return make_plan(job);
        };
        return made;
    }

    // What its launch told, once it has.
    [[nodiscard]] std::shared_ptr<std::optional<Staged<pid_t>>> launch(LaunchJob job) {
        auto told = std::make_shared<std::optional<Staged<pid_t>>>();
        last_ = worker_.launch(
            std::move(job), {[told](auto, const Staged<pid_t>& pid, const LaunchJob&) { *told = pid; }, {}});
        return told;
    }

    [[nodiscard]] bool run_until(const std::function<bool()>& condition) {
        const auto guard = boost::asio::make_work_guard(context_);
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) context_.run_for(10ms);
        return condition();
    }

    std::promise<void> answers_;
    std::shared_future<void> answered_later_{answers_.get_future()};
    bool answered_ = false;
    std::atomic<int> hanging_ = 0;
    std::atomic<int> launched_ = 0;
    boost::asio::io_context context_;
    Reaper reaper_{context_, [](pid_t) {}};
    LaunchWorker worker_{context_, reaper_, [](const std::string&) {},
                         [this](LaunchPlan&) -> Staged<pid_t> {
                             ++launched_;
                             return stage_failed("exec", EPERM, "a test");
                         }};
    LaunchWorker::Ticket last_ = LaunchWorker::Ticket::none;
};

TEST_F(Preparing, HoldsUpNoOtherLaunch) {
    const auto hangs = launch(job("hangs", true));
    const auto other = launch(job("other", false));
    ASSERT_TRUE(run_until([&] { return other->has_value(); }));
    EXPECT_FALSE(hangs->has_value());
    EXPECT_EQ(launched_, 1);
    answer();
    ASSERT_TRUE(run_until([&] { return hangs->has_value(); }));
    EXPECT_EQ((*hangs)->error().stage, "exec");
    EXPECT_EQ(launched_, 2);
}

// As where all of them have their secrets on the same file system.
TEST_F(Preparing, HoldsUpNoOtherHoweverManyHang) {
    constexpr int many = 100;
    std::vector<std::shared_ptr<std::optional<Staged<pid_t>>>> hang;
    for (int i = 0; i < many; ++i) hang.push_back(launch(job("hangs" + std::to_string(i), true)));
    const auto other = launch(job("other", false));
    ASSERT_TRUE(run_until([&] { return other->has_value(); })) << hanging_ << " hang";
    EXPECT_EQ(hanging_, many);
    answer();
    EXPECT_TRUE(run_until(
        [&] { return std::ranges::all_of(hang, [](const auto& told) { return told->has_value(); }); }));
}

TEST_F(Preparing, LaunchesNothingThatWasGivenUpMeanwhile) {
    const auto hangs = launch(job("hangs", true));
    ASSERT_TRUE(run_until([&] { return hanging_ == 1; }));
    EXPECT_FALSE(worker_.cancel(last_));
    EXPECT_TRUE(worker_.give_up(last_));
    answer();
    ASSERT_TRUE(run_until([&] { return hangs->has_value(); }));
    EXPECT_EQ((*hangs)->error().error_number, ECANCELED);
    EXPECT_EQ(launched_, 0);
}

TEST_F(Preparing, IsOverBeforeAnythingCanBeGivenUp) {
    const auto over = launch(job("over", false));
    ASSERT_TRUE(run_until([&] { return over->has_value(); }));
    EXPECT_FALSE(worker_.give_up(last_));
    EXPECT_EQ(launched_, 1);
}

}  // namespace
}  // namespace dpsup::io
