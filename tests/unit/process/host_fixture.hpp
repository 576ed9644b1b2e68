// A ProcessHost with real processes, in a directory of its own; events are waited for with a deadline.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/process/process_host.hpp"

namespace dpsup::io {

// How processes are tracked.
enum class Tracking : std::uint8_t { cgroups, descendants };

class HostTest : public testing::Test {
protected:
    void SetUp() override { SetUpWith(Tracking::cgroups); }
    void SetUpWith(Tracking tracking);
    void open_host();  // again, with what options_ are by now
    void TearDown() override;

    // A service of that name that runs /bin/sh -c SCRIPT.
    [[nodiscard]] static config::Service shell(const std::string& name, const std::string& script);
    [[nodiscard]] static config::Service program(const std::string& name, std::vector<std::string> command);

    // Launches it as service 1, generation `generation`, and waits for the answer.
    core::ServiceEvent launch(const config::Service& service, std::uint64_t generation = 1,
                              std::uint32_t id = 1);
    pid_t launch_well(const config::Service& service, std::uint64_t generation = 1, std::uint32_t id = 1);
    core::LaunchFailed launch_badly(const config::Service& service);

    // The next event that holds a Fact; others that came before it are dropped. Fails the test after `limit`.
    template <class Fact>
    std::optional<Fact> wait_for(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        std::optional<Fact> found;
        const bool came = run_until(
            [&] {
                while (!events_.empty() && !found) {
                    if (const auto* fact = std::get_if<Fact>(&events_.front().fact)) found = *fact;
                    last_ = events_.front();
                    events_.erase(events_.begin());
                }
                return found.has_value();
            },
            limit);
        EXPECT_TRUE(came) << "the event did not come";
        return found;
    }
    bool run_until(const std::function<bool()>& condition,
                   std::chrono::milliseconds limit = std::chrono::seconds(10));
    void run_for(std::chrono::milliseconds time);
    // Runs a command in the service and waits for its result.
    CommandResult run_command(std::vector<std::string> command,
                              std::chrono::milliseconds timeout = std::chrono::seconds(5),
                              std::uint32_t id = 1);

    [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
    // The file's text, once it is there and ends in a newline.
    [[nodiscard]] std::string read_line_of(const std::string& name);
    // What the service has written, as a whole.
    [[nodiscard]] std::string log_of(const std::string& service) const;

    std::string directory_;
    ProcessHostOptions options_;
    std::unique_ptr<boost::asio::io_context> context_;
    std::unique_ptr<ProcessHost> host_;
    std::vector<core::ServiceEvent> events_;
    std::optional<core::ServiceEvent> last_;
    std::vector<std::string> warnings_;
};

// The same, once with cgroups and once without.
class TrackingTest : public HostTest, public testing::WithParamInterface<Tracking> {
protected:
    void SetUp() override { SetUpWith(GetParam()); }
};

[[nodiscard]] bool alive(pid_t pid);
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text, unsigned mode = 0644);
[[nodiscard]] std::size_t open_descriptors();

}  // namespace dpsup::io
