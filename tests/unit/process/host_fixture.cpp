#include "unit/process/host_fixture.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "io/process/cgroup_root.hpp"
#include "io/process/descriptor_limit.hpp"

namespace dpsup::io {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto after_name = text.rfind(')');
    if (after_name == std::string::npos || text.size() <= after_name + 2) return false;
    const char state = text[after_name + 2];
    return state != 'Z' && state != 'X';  // X: it is just being reaped
}

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& text, unsigned mode) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

void HostTest::SetUpWith(Tracking tracking) {
    std::string pattern = fs::temp_directory_path() / "dpsup-test-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::permissions(directory_, fs::perms(0755));
    options_.runtime_dir = path("run");
    options_.log_dir = path("log");
    options_.journal_socket = path("no-journal");
    options_.journal_unit = "services.scope";
    options_.nofile = descriptor_limit();
    fs::create_directory(options_.runtime_dir);
    fs::create_directory(options_.log_dir);
    if (tracking == Tracking::cgroups) {
        const auto root = choose_cgroup_root(directory_);
        if (root.path.empty()) GTEST_SKIP() << "no cgroup v2 here: " << root.reason;
        options_.cgroup_root = root.path;
    }
    context_ = std::make_unique<boost::asio::io_context>(1);
    open_host();
}

void HostTest::open_host() {
    host_.reset();
    auto host = ProcessHost::create(
        *context_, options_, [this](const core::ServiceEvent& event) { events_.push_back(event); },
        [this](const std::string& service, const std::string& message) {
            warnings_.push_back(service + ": " + message);
        });
    ASSERT_TRUE(host) << host.error().message;
    host_ = std::move(*host);
}

void HostTest::TearDown() {
    if (host_) {
        for (std::uint32_t id = 1; id <= 8; ++id) {
            events_.clear();  // an earlier instance's Emptied is not what is waited for
            host_->kill_tree(ServiceId{id}, Generation{1000000});
            EXPECT_TRUE(run_until([&] {
                return std::any_of(events_.begin(), events_.end(), [id](const auto& event) {
                    return event.service == ServiceId{id} &&
                           std::holds_alternative<core::Emptied>(event.fact);
                });
            })) << id;
            host_->forget(ServiceId{id});
        }
    }
    host_.reset();
    context_.reset();
    if (!options_.cgroup_root.empty()) {
        EXPECT_FALSE(fs::exists(options_.cgroup_root)) << "cgroups were left behind";
        fs::remove(options_.cgroup_root);
    }
    fs::remove_all(directory_);
}

config::Service HostTest::program(const std::string& name, std::vector<std::string> command) {
    config::Service service;
    service.name = name;
    service.policy.name = name;
    service.process.command = std::move(command);
    return service;
}

config::Service HostTest::shell(const std::string& name, const std::string& script) {
    return program(name, {"/bin/sh", "-c", script});
}

core::ServiceEvent HostTest::launch(const config::Service& service, std::uint64_t generation,
                                    std::uint32_t id) {
    host_->launch(ServiceId{id}, Generation{generation}, std::make_shared<const config::Service>(service));
    core::ServiceEvent answer;
    const bool came = run_until([&] {
        for (auto event = events_.begin(); event != events_.end(); ++event) {
            const bool launched = std::holds_alternative<core::Launched>(event->fact) ||
                                  std::holds_alternative<core::LaunchFailed>(event->fact);
            if (!launched || event->service != ServiceId{id}) continue;
            answer = *event;
            events_.erase(event);
            return true;
        }
        return false;
    });
    EXPECT_TRUE(came) << "no answer to a launch";
    return answer;
}

pid_t HostTest::launch_well(const config::Service& service, std::uint64_t generation, std::uint32_t id) {
    const auto event = launch(service, generation, id);
    if (const auto* failed = std::get_if<core::LaunchFailed>(&event.fact))
        ADD_FAILURE() << failed->stage << ": " << failed->error_number << " " << failed->detail;
    const auto* launched = std::get_if<core::Launched>(&event.fact);
    return launched != nullptr ? launched->pid : 0;
}

core::LaunchFailed HostTest::launch_badly(const config::Service& service) {
    const auto event = launch(service);
    const auto* failed = std::get_if<core::LaunchFailed>(&event.fact);
    EXPECT_NE(failed, nullptr) << "it was launched";
    return failed != nullptr ? *failed : core::LaunchFailed{};
}

bool HostTest::run_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        if (context_->stopped()) context_->restart();
        context_->run_one_for(20ms);
    }
    return true;
}

void HostTest::run_for(std::chrono::milliseconds time) {
    static_cast<void>(run_until([] { return false; }, time));
}

CommandResult HostTest::run_command(std::vector<std::string> command, std::chrono::milliseconds timeout,
                                    std::uint32_t id) {
    std::optional<CommandResult> result;
    host_->run_in_service(ServiceId{id}, std::move(command), timeout,
                          [&](CommandResult answer) { result = std::move(answer); });
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    return result.value_or(CommandResult{});
}

std::string HostTest::read_line_of(const std::string& name) {
    std::string text;
    EXPECT_TRUE(run_until([&] {
        text = read_file(path(name));
        return text.ends_with('\n');
    })) << name
        << " was not written";
    return text;
}

std::string HostTest::log_of(const std::string& service) const {
    return read_file(options_.log_dir + "/" + service + ".log");
}

}  // namespace dpsup::io
