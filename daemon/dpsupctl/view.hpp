// The API's replies as dpsupctl shows them. States stay words: a newer daemon may have more of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace dpsup::ctl {

struct ServiceView {
    std::string name;
    std::string kind;
    std::string state;
    std::string wanted;
    std::int64_t pid = 0;
    std::uint64_t restarts = 0;
    WallTime since;
    std::string health;
    std::string reason;
};

struct StatusView {
    std::string host;
    bool shutting_down = false;
    std::vector<ServiceView> services;
};

struct DecisionView {
    std::uint64_t number = 0;
    WallTime at;
    std::string service;
    std::string from;
    std::string to;
    std::string reason;
};

struct DependencyView {
    std::string service;
    std::string condition;
    bool optional = false;
    bool holds = false;
    std::string state;
};

struct ProbeView {
    std::string role;
    std::string target;
    std::string verdict;
    std::string detail;
};

struct LogView {
    std::string kind;
    std::string path;
    std::string identifier;
    std::string unit = {};
};

struct ExplanationView {
    ServiceView service;
    std::string status_text;
    std::string summary;
    std::vector<DependencyView> dependencies;
    std::vector<std::string> dependents;
    std::vector<ProbeView> probes;
    std::vector<DecisionView> decisions;
    LogView log;
};

struct OutcomeView {
    std::string name;
    bool reached = false;
    std::string state;
    std::string reason;
};

struct OperationView {
    std::string service;
    std::string action;
    std::vector<std::string> causes;
};

struct CommandView {
    std::vector<OutcomeView> services;
    std::vector<std::string> warnings;
};

struct PlanView {
    bool applied = false;
    std::vector<OperationView> operations;
    std::vector<std::string> warnings;
};

struct VersionView {
    std::string version;
    std::int64_t pid = 0;
    std::string run;                        // another one after each re-exec
    std::optional<double> unsupervised_ms;  // of the re-exec that began it
    std::string reexec_error;
};

struct ReexecView {
    std::string version_before;
    std::string run;  // that ends
};

struct DaemonStopView {
    std::int64_t pid = 0;
    bool leave_services = false;
    Duration within{};
};

// One line of the event stream.
struct EventView {
    std::string type;  // "snapshot", "change", "heartbeat", or something newer
    StatusView snapshot;
    std::uint64_t last = 0;
    DecisionView change;
    std::optional<ServiceView> status;  // of a change; none: the service is gone
};

// Each fails (code no_answer) where the text is not what dpsupd sends. What is missing stays empty.
[[nodiscard]] Result<StatusView> read_status(std::string_view json);
[[nodiscard]] Result<ExplanationView> read_explanation(std::string_view json);
[[nodiscard]] Result<CommandView> read_command(std::string_view json);
[[nodiscard]] Result<PlanView> read_plan(std::string_view json);
[[nodiscard]] Result<std::vector<DecisionView>> read_decisions(std::string_view json);
[[nodiscard]] Result<VersionView> read_version(std::string_view json);
[[nodiscard]] Result<DaemonStopView> read_daemon_stop(std::string_view json);
[[nodiscard]] Result<ReexecView> read_reexec(std::string_view json);
[[nodiscard]] Result<EventView> read_event(std::string_view json);

// The error in a reply that is none of the above; made up from the HTTP status where it holds none.
[[nodiscard]] Error read_error(unsigned status, std::string_view json);

// RFC 3339 in UTC, with or without a fraction; the epoch where it is none.
[[nodiscard]] WallTime read_time(std::string_view text);

}  // namespace dpsup::ctl
