// Carries out probes. When to probe is the brain's decision (RunProbe); here each run gets its time and its
// place among all others, and gives exactly one answer. A probe that hangs costs its own time-out and nobody
// else's: nothing here blocks the loop, and each kind has bounds of its own.
//
// Outcomes: passed and failed speak of the service. `unknown` says that the probe could not be carried out:
// no descriptors, a name that does not resolve, no free place within its time, a command that was not launched
// in time, a login that is refused where a query was to run. It restarts nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/id.hpp"
#include "base/time.hpp"
#include "config/model.hpp"
#include "core/supervise/effect.hpp"
#include "core/supervise/event.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

// --- What an exec probe needs: a launcher that runs a command as the service's user, in its cgroup ---

struct ExecRequest {
    ServiceId service;
    Generation generation;
    std::vector<std::string> command;
    Duration timeout{};  // then the command's whole tree is to be killed at the latest
};

struct ExecResult {
    enum class Kind : std::uint8_t { exited, signaled, not_started };
    Kind kind = Kind::exited;
    int code = 0;        // exit code or signal number
    std::string output;  // the first bytes of what it wrote, where they were kept
    std::string error;   // not_started: why
};

// What the launcher tells, in this order, and never before it has returned.
struct ExecEvents {
    std::function<void()> launched;                // it runs: from here on the time that passes is its own
    std::function<void(const ExecResult&)> ended;  // not of a command that was killed, or ran out of its time
    std::function<void()> gone;                    // always, and last: it was reaped, or will never run
};

// Has the command launched, at once or when its turn comes: how many run at a time is the launcher's to bound. What it
// returns kills the command's tree, or takes its turn away; it is called at most once, and not after `ended`.
using ExecRunner = std::function<std::function<void()>(const ExecRequest&, ExecEvents)>;

// --- What a log probe needs: where the output of the service goes, and where this instance's begins ---

struct FileOutput {
    std::string path;
    std::uint64_t offset = 0;  // the file's size at the launch
    std::string tail = {};     // the last bytes of that; empty: not known, and a rotated copy is not believed
};

struct JournalOutput {
    std::string identifier;  // SYSLOG_IDENTIFIER
    Instant since;           // of the launch (CLOCK_MONOTONIC)
    std::string directory;   // empty: the system's journal
    std::string unit =
        {};  // _SYSTEMD_UNIT of its lines; empty: unknown, and whoever claims the identifier is believed
};

using OutputPlace = std::variant<std::monostate, FileOutput, JournalOutput>;

struct ProbeLimits {
    std::size_t sockets = 512;   // http, tcp, unix and postgres probes under way
    std::size_t waiting = 8192;  // probes that wait for a place
};

class ProbeRunner {
public:
    using Answer = std::function<void(ServiceId, Generation, core::Probed)>;

    // `loop` must outlive this object and have one thread; it must not have the "unsafe" concurrency hint.
    ProbeRunner(boost::asio::io_context& loop, Answer answer, ExecRunner exec, ProbeLimits limits = {});
    ProbeRunner(const ProbeRunner&) = delete;
    ProbeRunner& operator=(const ProbeRunner&) = delete;
    ~ProbeRunner();  // what is under way ends without an answer

    // Runs the probe once. The answer comes once, later, within request.timeout of this call or just after,
    // unless forget() is called before. Nothing given is kept but by value.
    void run(ServiceId service, Generation generation, const core::RunProbe& request,
             const config::ProbeTarget& target, const OutputPlace& output = {});

    // It has passed for this instance already, as an earlier daemon has seen.
    void resume_passed(ServiceId service, Generation generation, std::uint32_t probe,
                       const config::LogProbe& target);

    // Ends what is under way for a service without an answer, and drops what is kept for it.
    void forget(ServiceId service);

private:
    class Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
