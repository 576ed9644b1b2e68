// What the brain needs to know of a service's configuration: when it may start, when it is well, and what to
// do when it is not. How it is launched or probed is no business of core's; see config/model.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace dpsup::core {

enum class Kind : std::uint8_t {
    service,  // runs until it is stopped
    job,      // runs to completion; exit 0 is `done`
};

// What must hold of a dependency before its dependent starts (Compose's words, except that Compose says
// service_started, service_healthy, service_completed_successfully).
enum class Condition : std::uint8_t { started, ready, done };

struct Dependency {
    std::string service;
    Condition condition = Condition::started;
    bool optional = false;  // orders the start where it can; a missing or failed one only warns

    bool operator==(const Dependency&) const = default;
};

// What a running dependent does when an instance that it depends on ends.
enum class OnDependencyLoss : std::uint8_t {
    keep,     // goes on
    stop,     // stops at once, and starts again when the dependency is back
    restart,  // goes on until the dependency is back, then restarts once
};

enum class RestartWhen : std::uint8_t { always, on_failure, never };

// What an end counts as that nobody saw. That is how an instance may end which an earlier daemon launched.
enum class UnknownEnd : std::uint8_t { failure, success };

// Delay before retry n (from 0): min(delay * factor^n, delay_max), spread by +-jitter. n is reset by a run
// that lasted `stable_after`. Retries never end unless give_up.
struct RestartPolicy {
    RestartWhen when = RestartWhen::always;
    Duration delay = std::chrono::milliseconds(100);
    Duration delay_max = std::chrono::seconds(30);
    double factor = 2.0;
    double jitter = 0.1;  // 0 to 1, the fraction by which the delay is spread either way
    Duration stable_after = std::chrono::seconds(60);
    bool give_up = false;         // true: after `attempts` retries in a row, `failed` until a command
    std::uint32_t attempts = 10;  // used only with give_up
    UnknownEnd on_unknown = UnknownEnd::failure;

    bool operator==(const RestartPolicy&) const = default;
};

// As in Kubernetes. `health` is the healthcheck shorthand: one probe that serves readiness and liveness.
enum class ProbeRole : std::uint8_t { startup, readiness, liveness, health };

enum class OnProbeFailure : std::uint8_t { restart, alert, stop };

struct ProbePolicy {
    ProbeRole role = ProbeRole::health;
    Duration start_period = Duration::zero();                  // failures before its end do not count
    Duration start_interval = std::chrono::milliseconds(250);  // longest wait until the first pass
    Duration interval = std::chrono::seconds(10);              // wait between the end of one and the next
    Duration timeout = std::chrono::seconds(5);
    std::uint32_t retries = 3;    // failures in a row that count as failed
    std::uint32_t successes = 1;  // passes in a row that count as recovered
    OnProbeFailure on_failure = OnProbeFailure::restart;

    bool operator==(const ProbePolicy&) const = default;
};

struct Policy {
    std::string name;
    Kind kind = Kind::service;
    bool autostart = true;  // wanted up when first seen
    std::vector<Dependency> depends_on;
    OnDependencyLoss on_dependency_loss = OnDependencyLoss::keep;
    RestartPolicy restart;
    std::vector<ProbePolicy> probes;            // the index names the probe in effects and events
    bool notify = false;                        // ready only after sd_notify READY=1
    Duration watchdog = Duration::zero();       // longest silence between WATCHDOG=1; zero: none asked for
    Duration start_timeout = Duration::zero();  // launch to ready (a job: to its end); zero: no limit
    Duration stop_timeout = std::chrono::seconds(10);  // stop signal to SIGKILL of the whole tree
    int stop_signal = 15;
    bool can_reload = false;  // a reload signal or command is configured
    bool listens = false;     // it is handed listening sockets, which outlast its instances

    bool operator==(const Policy&) const = default;
};

// Bounds restarts of services that keep failing, over the whole host: a token bucket.
struct RestartBudget {
    double burst = 100;      // restarts at once
    double per_second = 20;  // refill

    bool operator==(const RestartBudget&) const = default;
};

}  // namespace dpsup::core
