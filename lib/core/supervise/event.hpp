// Events are facts in the past tense, from outside into the brain.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/id.hpp"
#include "base/time.hpp"
#include "core/supervise/exit.hpp"
#include "core/supervise/policy.hpp"
#include "core/supervise/snapshot.hpp"

namespace dpsup::core {

// --- About one instance of a service; dropped where the generation is not the current one ---
//
// Exited and Emptied are told at least once, though perhaps late or twice: the kernel keeps them until they
// are read. Any other answer may be lost.

struct Launched {
    pid_t pid = 0;
};

// Nothing runs: the launch failed before or in exec. `stage` says what was tried ("exec", "user",
// "working directory", "cgroup", ...); `detail` names its object ("/usr/bin/x").
struct LaunchFailed {
    std::string stage;
    int error_number = 0;
    std::string detail;
};

// The answer to Adopt where the launch was still waiting for its turn: nothing of the instance ever ran.
struct NotLaunched {};

// The main process was sent a signal that is its alone (SendSignal without whole_tree).
struct Signaled {};

// What sd_notify said. The adapter has checked who said it, and that a new main pid belongs to the service.
struct Notified {
    bool ready = false;
    bool reloading = false;
    bool stopping = false;
    bool watchdog = false;
    bool listening = false;  // nothing was said, but after a takeover it can be heard from now on
    std::optional<Duration> extend_timeout;  // EXTEND_TIMEOUT_USEC
    std::optional<pid_t> main_pid;
};

// No process of this instance is left. Always follows a kill or an exit in the end; also the answer to
// KillTree for an instance that never ran.
struct Emptied {};

enum class ProbeOutcome : std::uint8_t {
    passed,
    failed,
    unknown,  // the probe itself could not be carried out; counts neither way
};

struct Probed {
    std::uint32_t probe = 0;     // index into Policy::probes
    std::uint64_t sequence = 0;  // of the RunProbe that asked
    ProbeOutcome outcome = ProbeOutcome::unknown;
    std::string detail;  // one clause for people: "HTTP 503", "connection refused"
};

// The reload signal was sent or the reload command ended.
struct Reloaded {
    bool success = true;
    std::string detail;
};

using Fact =
    std::variant<Launched, LaunchFailed, NotLaunched, Signaled, Notified, Exited, Emptied, Probed, Reloaded>;

struct ServiceEvent {
    ServiceId service;
    Generation generation;
    Fact fact;
};

// --- From people and programs ---

enum class Verb : std::uint8_t { start, stop, restart, kill, reload };

struct Command {
    Verb verb = Verb::start;
    std::vector<ServiceId> services;
    bool cascade = false;                  // start: dependencies too; stop, restart: dependents too
    std::optional<Duration> stop_timeout;  // instead of the policy's, for this stop
    int signal = 9;                        // kill only; goes to the whole tree
    std::string by;                        // who asked, for the reason: "root (uid 0)"
};

// --- The configuration ---

enum class Change : std::uint8_t {
    add,
    update,   // the new policy holds at once; the running instance goes on
    reload,   // as update; the running instance is told to reload
    restart,  // as update; the running instance is replaced
    remove,   // stopped, then forgotten
};

struct ServiceChange {
    Change change = Change::add;
    ServiceId service;  // chosen by the caller; new for `add`
    Policy policy;      // not used by `remove`
    std::string cause;  // "command changed"; for the reason
    // For `add`, what is remembered from before the daemon started:
    std::optional<bool> wanted_up;  // nothing remembered: policy.autostart decides
    bool done = false;              // a job that has completed successfully
    std::optional<Snapshot> past;   // of this boot; beats `done`
};

// The caller has checked names, references and cycles (config/check); step asserts them.
struct ConfigLoaded {
    std::vector<ServiceChange> changes;
    RestartBudget budget;
};

// Stop everything in reverse order, without changing what is wanted after the next start.
struct ShutdownRequested {};

// The deadline that next_deadline named has come, and what arrived of those who are due() has been told before this. Only
// now do time-outs count: where we were held up, the ping or the exit that was in time waits behind other events.
// Harmless at any other time.
struct DeadlineReached {};

using Event = std::variant<ServiceEvent, Command, ConfigLoaded, ShutdownRequested, DeadlineReached>;

}  // namespace dpsup::core
