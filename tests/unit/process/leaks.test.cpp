// After thousands of restarts the daemon's descriptors and memory are where they were.
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "unit/process/host_fixture.hpp"

namespace dpsup::io {
namespace {

using namespace std::chrono_literals;

std::string name_of(const testing::TestParamInfo<Tracking>& tracking) {
    return tracking.param == Tracking::cgroups ? "Cgroups" : "Descendants";
}

long resident_kb() {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("RssAnon:")) return std::stol(line.substr(8));
    }
    return 0;
}

class Leaks : public TrackingTest {
protected:
    void restart(int times, const config::Service& service) {
        const auto config = std::make_shared<const config::Service>(service);
        for (int i = 0; i < times; ++i) {
            host_->launch(ServiceId{1}, Generation{++generation_}, config);
            // Every way to end has its turn.
            if (i % 3 == 1) {
                ASSERT_TRUE(wait_for<core::Launched>());
            }
            if (i % 3 != 0) host_->kill_tree(ServiceId{1}, Generation{generation_});
            ASSERT_TRUE(wait_for<core::Emptied>());
            events_.clear();
        }
    }
    std::uint64_t generation_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Both, Leaks, testing::Values(Tracking::cgroups, Tracking::descendants), name_of);

TEST_P(Leaks, NoneInThreeThousandRestarts) {
    auto service = program("s", {"/bin/true"});
    service.policy.notify = true;
    restart(300, service);
    const std::size_t descriptors = open_descriptors();
    const long memory = resident_kb();
    restart(3000, service);
    EXPECT_LE(open_descriptors(), descriptors);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LE(resident_kb(), memory + 256);
#else
    static_cast<void>(memory);  // the sanitizer keeps freed memory for a while, and reports leaks itself
#endif
}

TEST_P(Leaks, NoneInFailedLaunchesAndCommands) {
    const auto bad = program("bad", {"/no/such/program"});
    launch_well(program("s", {"/bin/sleep", "100"}));
    const auto round = [&] {
        for (int i = 0; i < 50; ++i) {
            host_->launch(ServiceId{2}, Generation{static_cast<std::uint64_t>(i)},
                          std::make_shared<const config::Service>(bad));
            ASSERT_TRUE(wait_for<core::LaunchFailed>());
            EXPECT_EQ(run_command({"true"}).code, 0);
        }
    };
    round();
    run_for(200ms);
    const std::size_t descriptors = open_descriptors();
    for (int i = 0; i < 4; ++i) round();
    run_for(200ms);
    EXPECT_LE(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace dpsup::io
