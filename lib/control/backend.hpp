// What the control API needs of the daemon, and all that it may do to it. The engine implements it; tests of
// the API implement it with a few lines. Everything is called on the engine's thread and answers at once or
// through its callback, exactly once. Errors carry one of these codes, which become HTTP statuses
// (control/errors.cpp): unknown_service, refused, invalid_config, busy, shutting_down, reexecuting; anything else is an
// internal error (500).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/supervise/event.hpp"
#include "core/supervise/state.hpp"

namespace dpsup::control {

struct ServiceStatus {
    std::string name;
    std::string kind;  // "process", "job"; later "container", "unit"
    core::State state = core::State::stopped;
    core::Wanted wanted = core::Wanted::down;
    std::int64_t pid = 0;  // 0: none
    std::uint64_t restarts = 0;
    WallTime since;
    core::Health health = core::Health::none;
    std::string reason;
    std::string status_text;  // sd_notify STATUS=
};

struct HostStatus {
    std::string host;
    bool shutting_down = false;
    std::vector<ServiceStatus> services;
};

// Where dpsupctl finds a service's output; it reads it itself, with its user's rights.
struct LogPlace {
    std::string kind;        // "journal", "file", "none"
    std::string path;        // file
    std::string identifier;  // journal: SYSLOG_IDENTIFIER
    std::string unit = {};  // journal: _SYSTEMD_UNIT, which tells its lines from a stranger's; empty: unknown
};

// One decision or change, as kept for `explain` and streamed by /v1/events.
struct Decision {
    std::uint64_t number = 0;  // counts up by one over all services, for the life of the daemon
    WallTime at;
    std::string service;
    core::State from = core::State::stopped;
    core::State to = core::State::stopped;
    std::string reason;
};

struct ProbeStatus {
    std::string role;     // "startup", "readiness", "liveness", "health"
    std::string target;   // "http http://127.0.0.1:80/"
    std::string verdict;  // "pending", "passing", "failing"
    std::string detail;   // of the last result
};

struct DependencyStatus {
    std::string service;
    std::string condition;  // "started", "ready", "done"
    bool optional = false;
    bool holds = false;
    core::State state = core::State::stopped;
};

struct Explanation {
    ServiceStatus status;
    std::string summary;  // why it is in this state, in one or two sentences
    std::vector<DependencyStatus> dependencies;
    std::vector<std::string> dependents;
    std::vector<ProbeStatus> probes;
    std::vector<Decision> decisions;  // oldest first
    LogPlace log;
};

struct CommandRequest {
    core::Verb verb = core::Verb::start;
    std::vector<std::string> services;  // empty with `all`
    bool all = false;
    bool cascade = false;
    bool wait = false;                     // reply once the target is reached or cannot be
    std::optional<Duration> wait_timeout;  // none: the daemon's own default
    std::optional<Duration> stop_timeout;
    int signal = 9;
    std::string by;  // from the peer's credentials
};

struct ServiceOutcome {
    std::string name;
    bool reached = false;  // without wait: the command was taken
    core::State state = core::State::stopped;
    std::string reason;
};

struct CommandReply {
    std::vector<ServiceOutcome> services;  // each that was named, or met by `all` or `cascade`
    std::vector<std::string> warnings = {};
    bool timed_out = false;  // wait_timeout passed first; `reached` and `reason` say how far each has come
};

struct PlanOperation {
    std::string service;
    std::string action;               // "add", "remove", "restart", "reload", "update"
    std::vector<std::string> causes;  // "command changed"
};

struct PlanReply {
    std::vector<PlanOperation> operations;  // empty: nothing to do
    std::vector<std::string> warnings = {};
};

struct DaemonStop {
    bool leave_services = false;  // they go on; the next dpsupd takes them over
    std::string by;               // from the peer's credentials
};

struct DaemonStopReply {
    std::int64_t pid = 0;  // the daemon's
    bool leave_services = false;
    Duration within{};  // by when it has ended
};

// This run of the program dpsupd; a re-exec begins another one in the same process.
struct DaemonStatus {
    std::string run;                       // another one for each
    std::optional<Duration> unsupervised;  // of the re-exec that began it: for how long nobody supervised
    std::string reexec_error;              // why the last re-exec that this run tried failed
};

struct ReexecReply {
    std::string program;
    std::string version_before;
    std::string version_after;
    std::string run;  // that ends now
};

class Backend {
public:
    virtual ~Backend() = default;

    [[nodiscard]] virtual HostStatus status() const = 0;
    [[nodiscard]] virtual Result<ServiceStatus> status_of(const std::string& service) const = 0;
    [[nodiscard]] virtual Result<Explanation> explain(const std::string& service) const = 0;

    // The reply comes later where `wait` is set; never, if the daemon ends first (the connection closes
    // then). `alive` is asked before the reply: an asker that has gone frees its place.
    virtual void command(CommandRequest request, std::function<void(Result<CommandReply>)> reply,
                         std::weak_ptr<void> alive) = 0;

    // Reads and checks the configuration files, and compares them with what runs. Changes nothing.
    virtual void plan(std::function<void(Result<PlanReply>)> reply) = 0;
    // The same, and carries it out.
    virtual void apply(const std::string& by, std::function<void(Result<PlanReply>)> reply) = 0;

    // Ends the daemon, after the reply. Under systemd nothing starts it again by itself.
    virtual void stop_daemon(DaemonStop request, std::function<void(Result<DaemonStopReply>)> reply) = 0;

    [[nodiscard]] virtual DaemonStatus daemon() const = 0;
    // Puts the program on disk in the place of this one, in the same process. The reply comes before that happens.
    virtual void reexec(const std::string& by, std::function<void(Result<ReexecReply>)> reply) = 0;

    // `listener` hears every decision from now on, on the engine's thread, until the handle is destroyed.
    // status() shows the outcome of every decision that was told, and of none still to be
    // told: so a snapshot taken right after subscribing and the decisions that follow neither overlap nor
    // leave a gap.
    [[nodiscard]] virtual std::shared_ptr<void> subscribe(std::function<void(const Decision&)> listener) = 0;
    // The last decisions over all services, oldest first, at most `most`.
    [[nodiscard]] virtual std::vector<Decision> recent_decisions(std::size_t most) const = 0;
};

}  // namespace dpsup::control
