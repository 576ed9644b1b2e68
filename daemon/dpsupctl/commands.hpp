// What each command of dpsupctl does: one function each, from options to an exit code.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "dpsupctl/output.hpp"

namespace dpsup::ctl {

struct Options {
    std::string socket = "/run/dpsup/control.sock";
    bool json = false;
    std::vector<std::string> names;
    bool all = false;
    bool wait = false;
    bool cascade = false;
    std::optional<Duration> timeout;  // of the wait; given: implies wait
    std::optional<Duration> stop_timeout;
    std::optional<std::string> signal;
    bool watch = false;
    bool follow = false;
    bool dry_run = false;
    bool leave_services = false;
    std::optional<std::size_t> lines;
    std::string file;  // of check
};

[[nodiscard]] Exit run_status(const Options& options);
// start, stop, restart, kill, reload
[[nodiscard]] Exit run_action(const std::string& action, const Options& options);
[[nodiscard]] Exit run_plan(const Options& options);
[[nodiscard]] Exit run_apply(const Options& options);
[[nodiscard]] Exit run_check(const Options& options);
[[nodiscard]] Exit run_explain(const Options& options);
[[nodiscard]] Exit run_logs(const Options& options);
[[nodiscard]] Exit run_events(const Options& options);
[[nodiscard]] Exit run_daemon_stop(const Options& options);
[[nodiscard]] Exit run_version(const Options& options);
[[nodiscard]] Exit run_daemon_reexec(const Options& options);

}  // namespace dpsup::ctl
