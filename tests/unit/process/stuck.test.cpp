// Launches and look-ups that hang, as on a file system or a directory service that does not answer.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <future>

#include "io/process/identities.hpp"
#include "io/process/launcher.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

// Whoever passes waits until it is opened.
class Gate {
public:
    void pass() {
        ++waiting_;
        opened_.wait();
    }
    void open() {
        if (!std::exchange(is_open_, true)) opens_.set_value();
    }
    [[nodiscard]] int waiting() const { return waiting_; }

private:
    std::promise<void> opens_;
    std::shared_future<void> opened_{opens_.get_future()};
    std::atomic<int> waiting_ = 0;
    bool is_open_ = false;
};

// Launches of programs called stuck-... hang, and so do look-ups of users called slow.
class Stuck : public HostTest {
protected:
    void SetUp() override {
        options_.launch = [this](LaunchPlan& plan) {
            if (plan.path().find("/stuck-") != std::string::npos) gate_.pass();
            ChildUnderWay child;
            return Launcher(child).launch(plan);
        };
        options_.resolve = [this](const config::Process& process) -> Staged<Identity> {
            if (process.user != "slow") return resolve_identity(process);
            gate_.pass();
            return Identity{};
        };
        HostTest::SetUp();
        if (!host_) return;
        write_file(path("stuck-sleep"), "#!/bin/sh\nexec sleep 100\n", 0755);
    }
    void TearDown() override {
        gate_.open();
        HostTest::TearDown();
    }
    [[nodiscard]] config::Service stuck(const std::string& name) const {
        return program(name, {path("stuck-sleep")});
    }
    void begin(const config::Service& service, std::uint32_t id) {
        host_->launch(ServiceId{id}, Generation{1}, std::make_shared<const config::Service>(service));
    }

    Gate gate_;
};

TEST_F(Stuck, LaunchesHoldUpNoOther) {
    const auto count = static_cast<std::uint32_t>(options_.launches_at_once) + 1;
    for (std::uint32_t id = 1; id <= count; ++id) begin(stuck("stuck" + std::to_string(id)), id);
    begin(program("good", {"/bin/true"}), count + 1);
    ASSERT_TRUE(run_until([&] { return !events_.empty(); }, 60s)) << gate_.waiting() << " hang";
    EXPECT_EQ(events_.front().service, ServiceId{count + 1});
    EXPECT_TRUE(std::holds_alternative<core::Launched>(events_.front().fact));
    EXPECT_EQ(gate_.waiting(), static_cast<int>(count));
    gate_.open();
    std::size_t launched = 0;
    ASSERT_TRUE(run_until([&] {
        for (const auto& event : std::exchange(events_, {}))
            launched += std::holds_alternative<core::Launched>(event.fact) ? 1 : 0;
        return launched == count + 1;
    }));
}

TEST_F(Stuck, ALaunchThatWaitsBehindOneIsCancelled) {
    begin(stuck("stuck"), 1);
    ASSERT_TRUE(run_until([&] { return gate_.waiting() == 1; }));
    begin(shell("behind", "echo ran > " + path("ran")), 2);
    run_for(20ms);
    host_->kill_tree(ServiceId{2}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_EQ(last_->service, ServiceId{2});
    gate_.open();
    ASSERT_TRUE(wait_for<core::Launched>());
    EXPECT_EQ(read_file(path("ran")), "");
}

// Its child may be born in the service's tree any moment, and would be in the way of the next instance.
TEST_F(Stuck, ACommandKeepsItsServiceFromBeingEmpty) {
    const pid_t pid = launch_well(program("s", {"/bin/sleep", "100"}));
    bool answered = false;
    host_->run_in_service(ServiceId{1}, {path("stuck-sleep")}, 60s,
                          [&](const CommandResult&) { answered = true; });
    ASSERT_TRUE(run_until([&] { return gate_.waiting() == 1; }));
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_for<core::Exited>());
    run_for(50ms);
    EXPECT_TRUE(events_.empty()) << "Emptied, though a command is about to be born";
    gate_.open();
    ASSERT_TRUE(wait_for<core::Emptied>());
    EXPECT_GT(launch_well(program("s", {"/bin/sleep", "100"}), 2), 0);
    EXPECT_TRUE(run_until([&] { return answered; }));
}

TEST_F(Stuck, LookUpsHoldUpNoOtherLaunch) {
    auto slow = program("slow", {"/bin/true"});
    slow.process.user = "slow";
    begin(slow, 1);
    ASSERT_TRUE(run_until([&] { return gate_.waiting() == 1; }));
    EXPECT_GT(launch_well(program("good", {"/bin/sleep", "100"}), 1, 2), 0);
    EXPECT_TRUE(events_.empty());
    host_->kill_tree(ServiceId{1}, Generation{1});
    ASSERT_TRUE(wait_for<core::Emptied>()) << "what waits for its user cannot be stopped";
    begin(slow, 1);
    gate_.open();
    EXPECT_TRUE(wait_for<core::Launched>());
    EXPECT_EQ(gate_.waiting(), 1) << "the same was looked up twice";
}

TEST(LookUps, AreGivenUpAndTheirAnswerIsKeptIfItComes) {
    boost::asio::io_context context(1);
    Gate gate;
    {
        Identities identities(
            context,
            [&](const config::Process&) -> Staged<Identity> {
                gate.pass();
                return Identity{.uid = 4711, .groups = {}, .name = "slow"};
            },
            50ms);
        config::Process process;
        process.user = "slow";
        std::vector<Identities::Answer> answers;
        const auto told = [&](const Identities::Answer& answer) { answers.push_back(answer); };
        const auto run_until = [&](const auto& condition) {
            const auto end = std::chrono::steady_clock::now() + 20s;
            while (!condition() && std::chrono::steady_clock::now() < end) {
                if (context.stopped()) context.restart();
                context.run_one_for(20ms);
            }
            return condition();
        };
        for (std::size_t i = 1; i <= 3; ++i) {
            identities.look_up(process, told);
            EXPECT_LT(answers.size(), i) << "told from within the call";
            ASSERT_TRUE(run_until([&] { return answers.size() == i; }));
            ASSERT_FALSE(answers.back());
            EXPECT_EQ(answers.back().error().error_number, ETIMEDOUT);
            EXPECT_EQ(answers.back().error().detail, "looking up slow");
        }
        EXPECT_EQ(identities.known(process), nullptr);
        gate.open();
        ASSERT_TRUE(run_until([&] { return identities.known(process) != nullptr; }));
        EXPECT_EQ(identities.known(process)->uid, 4711U);
        EXPECT_EQ(gate.waiting(), 1) << "it was looked up more than once";
        EXPECT_EQ(answers.size(), 3U);
    }
}

}  // namespace
}  // namespace dpsup::io
