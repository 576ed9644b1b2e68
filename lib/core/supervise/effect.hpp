// Effects are requests from the brain to the world. Any of them, and any answer, may be lost, late or
// doubled; the brain asks again or gives up by its own deadlines. Those of one service are carried out in the
// order in which they were asked for: a KillTree that has been answered leaves no earlier Launch behind it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/id.hpp"
#include "base/time.hpp"

namespace dpsup::core {

// Start the instance `generation`. Answer: Launched or LaunchFailed.
struct Launch {};

// Look what became of the instance `generation`, which an earlier daemon launched or was about to, and hold what it
// listens at. Answer: Launched where its main process runs; NotLaunched where it had not come to that; else Exited,
// which is unknown where nobody saw it, and Emptied.
struct Adopt {};

// Send a signal. Answer: Signaled, but for the whole tree; an exit is its own event.
struct SendSignal {
    int signal = 15;
    bool whole_tree = false;  // false: the main process only
};

// SIGKILL everything that is left of the service, of this and any earlier instance. Answer: Emptied, once
// nothing is left (at once where nothing was).
struct KillTree {};

// Run one probe. Answer: Probed with the same sequence, before `timeout` has passed or soon after.
struct RunProbe {
    std::uint32_t probe = 0;
    std::uint64_t sequence = 0;
    Duration timeout{};
};

// Send the reload signal or run the reload command. Answer: Reloaded.
struct Reload {};

// It is on its way: open what its clients may wait at (its listening sockets), and keep it open from instance to
// instance. Launch does so too, and is where it fails. Answer: none.
struct Hold {};

// Nothing of it runs, and nothing will without a command: close that. Answer: none.
struct Release {};

// Nothing of the service is left: release what is held for it. Its id is never used again.
struct Forget {};

using Action = std::variant<Launch, Adopt, SendSignal, KillTree, RunProbe, Reload, Hold, Release, Forget>;

struct Effect {
    ServiceId service;
    Generation generation;
    Action action;
};

}  // namespace dpsup::core
