// A private dpsupd for one test: the real program, with paths of its own, and dpsupctl and raw HTTP to talk
// to it.
//
// In configuration texts @DIR@ is the test's own directory, @ACTOR@ the helper program (actor/main.cpp),
// @HOST@ a loopback address of our own. [host] and the paths in [daemon] are added by themselves.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "child.hpp"
#include "files.hpp"
#include "http.hpp"
#include "json.hpp"
#include "scratch.hpp"
#include "wait.hpp"

namespace dpsup::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// DPSUP_TEST_SIZE=full, as `tests/run --all` sets it.
[[nodiscard]] bool full_size();

struct Options {
    std::string daemon_keys = {};  // more keys of [daemon], one a line
    std::vector<std::string> arguments = {};
    std::string program = DPSUP_DPSUPD;  // expanded as a configuration is
    std::map<std::string, std::string> environment = {};
    bool cgroups = true;                     // false: dpsupd sees no cgroup file system
    std::function<bool()> before_exec = {};  // in dpsupd's process, before it is dpsupd; false: it never is
    std::string small_state_dir = {};  // "64k": a tmpfs of this size on the state directory, for dpsupd alone
};

class Daemon {
public:
    // Starts dpsupd and waits until the socket answers; fails the test where it does not come up.
    explicit Daemon(const std::string& configuration, Options options = {});
    // Only prepares: the test calls launch() itself.
    struct Prepared {};
    Daemon(const std::string& configuration, Options options, Prepared);
    ~Daemon();  // kills it and all that it started; prints its log where the test has failed
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Writes the configuration file, and tells nobody.
    void configure(const std::string& configuration);
    void launch();
    [[nodiscard]] ::testing::AssertionResult answers();
    void signal(int number) const;
    [[nodiscard]] std::optional<End> wait(Clock::duration limit = patience);
    // SIGTERM and wait: all services stop, as without systemd.
    [[nodiscard]] std::optional<End> terminate();
    // terminate(), launch() and wait until it answers.
    void relaunch();
    // SIGKILL, launch() and wait until it answers.
    void crash();

    [[nodiscard]] bool running() { return child_ && child_->running(); }
    [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : 0; }
    [[nodiscard]] const std::string& socket() const { return socket_; }
    [[nodiscard]] std::string path(const std::string& name) const { return scratch_.path(name); }
    [[nodiscard]] std::string text(const std::string& name) const { return read_file(path(name)); }
    [[nodiscard]] std::string config_file() const { return path("dpsup.toml"); }
    [[nodiscard]] std::string log() const { return read_file(path("dpsupd.log")); }
    [[nodiscard]] const Scratch& scratch() const { return scratch_; }
    [[nodiscard]] std::string expand(std::string text) const;

    // dpsupctl with our socket.
    [[nodiscard]] std::vector<std::string> ctl_command(const std::vector<std::string>& arguments) const;
    [[nodiscard]] Finished ctl(const std::vector<std::string>& arguments,
                               Clock::duration limit = patience) const;
    // dpsupctl --json ARGUMENTS; its exit code is not looked at.
    [[nodiscard]] Json ctl_json(const std::vector<std::string>& arguments) const;
    [[nodiscard]] Reply http(std::string_view method, std::string_view target,
                             std::string_view body = {}) const;

    // The service's row of /v1/status.
    [[nodiscard]] Json status(const std::string& service) const;
    [[nodiscard]] Json explain(const std::string& service) const;
    // All that anybody is told about why the service is as it is: its reason and the last decisions.
    [[nodiscard]] std::string story(const std::string& service) const;

    // Wait on the event stream.
    using States = std::map<std::string, Events::Seen>;
    [[nodiscard]] ::testing::AssertionResult reaches(const std::string& service, const std::string& state,
                                                     Clock::duration limit = patience) const;
    // Every service is in one of the states.
    [[nodiscard]] ::testing::AssertionResult all_reach(const std::vector<std::string>& states,
                                                       Clock::duration limit = patience) const;
    [[nodiscard]] ::testing::AssertionResult until(const std::string& what,
                                                   const std::function<bool(const States&)>& holds,
                                                   Clock::duration limit = patience) const;

private:
    [[nodiscard]] bool prepare_mounts() const;

    Scratch scratch_;
    Options options_;
    std::string socket_;
    std::optional<Child> child_;
};

// What actors wrote with `record`: "start NAME NANOSECONDS PID" and so on, in the order in which it happened.
struct Record {
    std::string event;
    std::string name;
    long long at_ns = 0;
    int pid = 0;
};
[[nodiscard]] std::vector<Record> records_of(const std::string& path);
// -1: there is no such record.
[[nodiscard]] long long time_of(const std::vector<Record>& records, const std::string& event,
                                const std::string& name);
[[nodiscard]] std::size_t count_records(const std::string& path, const std::string& event,
                                        const std::string& name);

}  // namespace dpsup::test
