// Commands that cannot be killed, as those that hang in the kernel.
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <map>

#include "io/process/command_runner.hpp"
#include "io/process/descriptor_limit.hpp"
#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;
using End = CommandResult::End;

// Knows whom it was told of, and kills nobody.
class Immortals final : public ProcessTree {
public:
    [[nodiscard]] Staged<Placement> prepare(const std::string&, const config::Limits&) override {
        return Placement{};
    }
    void limit(const std::string&, const config::Limits&) override {}
    void adopted(const std::string&, const config::Limits&, pid_t) override {}
    [[nodiscard]] std::vector<pid_t> left_behind(const std::string&) override { return {}; }
    void kill_unclaimed() override {}
    void started(const std::string& leaf, pid_t pid, int) override { living[leaf] = pid; }
    void ended(const std::string& leaf, pid_t) override { living.erase(leaf); }
    [[nodiscard]] bool empty(const std::string& leaf) override { return !living.contains(leaf); }
    [[nodiscard]] bool contains(const std::string&, pid_t) override { return false; }
    void signal(const std::string&, int) override {}
    void kill(const std::string&) override {}
    bool remove(const std::string&) override { return true; }
    [[nodiscard]] std::uint64_t oom_kills(const std::string&) override { return 0; }

    std::map<std::string, pid_t> living;
};

TEST(CommandPlaces, AreNotHeldByWhatCannotBeKilled) {
    constexpr int places = 2;
    boost::asio::io_context context(1);
    Starter starter(OutputPaths{}, make_launch_defaults(descriptor_limit()));
    Reaper reaper(context, [](pid_t) {});
    LaunchWorker worker(context, reaper, [](const std::string& message) { ADD_FAILURE() << message; });
    Immortals tree;
    CommandRunner runner(context, starter, worker, tree, reaper, places, [] {});
    config::Service service;
    service.name = "s";
    const auto config = std::make_shared<const config::Service>(service);
    const auto nobody_else = std::make_shared<const Identity>();
    int timed_out = 0;
    int gone = 0;
    int passed = 0;
    for (int i = 0; i < places; ++i)
        runner.run({ServiceId{1},
                    config,
                    nobody_else,
                    {"sleep", "100"},
                    {},
                    500ms,
                    [&](const CommandResult& result) { timed_out += result.end == End::timed_out ? 1 : 0; },
                    {.launched = {}, .gone = [&] { ++gone; }}});
    runner.run({ServiceId{2},
                config,
                nobody_else,
                {"true"},
                {},
                20s,
                [&](const CommandResult& result) { passed += result.end == End::exited ? 1 : 0; },
                {}});
    const auto run_until = [&](const auto& condition) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < end) context.run_one_for(20ms);
        return condition();
    };
    EXPECT_TRUE(run_until([&] { return passed == 1; })) << "no place was left for it";
    EXPECT_EQ(timed_out, places);
    EXPECT_EQ(gone, 0) << "they were said to be gone, and still live";
    EXPECT_EQ(tree.living.size(), static_cast<std::size_t>(places));
    for (const auto& [leaf, pid] : tree.living) ::kill(pid, SIGKILL);
    EXPECT_TRUE(run_until([&] { return gone == places; }));
}

}  // namespace
}  // namespace dpsup::io
