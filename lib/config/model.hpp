// One checked configuration, as plain values. Nothing in it is a default that still has to be looked up, a
// string that still has to be parsed, or a reference that may dangle.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "core/supervise/policy.hpp"

namespace dpsup::config {

// Where a thing stands in the files, for messages. Lines and columns from 1; 0: not in a file.
struct Place {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

// A secret is named, never held: it is read when a process is launched, and goes nowhere else.
struct SecretFile {
    std::string path;
    bool operator==(const SecretFile&) const = default;
};

using EnvironmentValue = std::variant<std::string, SecretFile>;

// Enforced through the service's cgroup. Where that cannot be done the launch fails, unless best_effort.
struct Limits {
    std::optional<double> cpus;              // 1.5: one and a half cores
    std::optional<std::uint64_t> memory;     // bytes
    std::optional<std::uint64_t> pids;       // processes and threads
    std::optional<std::uint32_t> io_weight;  // 1 to 10000; 100 is the default share
    bool best_effort = false;

    [[nodiscard]] bool any() const { return cpus || memory || pids || io_weight; }
    bool operator==(const Limits&) const = default;
};

// getrlimit(2). UINT64_MAX: unlimited.
struct Rlimit {
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
    bool operator==(const Rlimit&) const = default;
};

// Where a service's output goes. It never runs through the daemon.
struct LogConfig {
    enum class Target : std::uint8_t { automatic, journal, file, none };
    Target target =
        Target::automatic;  // automatic: the journal where there is one, else a file in daemon.log_dir
    std::uint64_t max_size = std::uint64_t{16}
                             << 20U;  // bytes; the file is rotated before it grows far beyond this
    std::uint32_t keep = 1;           // rotated files that are kept
    bool operator==(const LogConfig&) const = default;
};

// What becomes of processes of the service that are found when dpsupd starts, and of which there is no record.
enum class Leftovers : std::uint8_t { kill, adopt };

struct ReloadSignal {
    int signal = 1;
    bool operator==(const ReloadSignal&) const = default;
};
struct ReloadCommand {
    std::vector<std::string> command;
    bool operator==(const ReloadCommand&) const = default;
};

// A listening stream socket that the daemon opens for a service, and keeps open over its restarts.
struct Socket {
    static constexpr mode_t mode_default = 0666;
    std::string host;  // an address in its canonical form; empty: a Unix socket
    std::uint16_t port = 0;
    std::string path;
    std::string name;            // in LISTEN_FDNAMES
    mode_t mode = mode_default;  // of a Unix socket
    bool operator==(const Socket&) const = default;
};

struct Process {
    std::vector<std::string> command;       // argv; [0] is looked up in PATH where it has no slash
    std::string working_dir;                // empty: "/"
    std::string user;                       // name or number; empty: the daemon's own
    std::string group;                      // name or number; empty: the user's
    std::vector<std::string> groups;        // supplementary, added to the user's own
    std::optional<mode_t> umask;            // none: 0022
    std::map<std::string, Rlimit> rlimits;  // by lower-case name: "nofile", "core", "memlock", ...
    std::optional<int> nice;                // -20 to 19
    std::optional<int> oom_score_adj;       // -1000 to 1000; none: reset to 0
    std::optional<std::vector<std::string>>
        capabilities;  // upper-case with CAP_; none: unchanged; these and no others
    bool no_new_privs = false;
    std::vector<std::pair<std::string, EnvironmentValue>> environment;  // in order; beats env_file
    std::vector<std::string> env_file;                                  // read at each launch; later ones win
    std::vector<std::string>
        config_files;  // the program's own; a change of their content is a change of the service
    Limits limits;
    LogConfig log;
    std::variant<std::monostate, ReloadSignal, ReloadCommand> reload;
    std::vector<Socket> sockets;  // handed to it as descriptors from 3 on, in this order
    Leftovers leftovers = Leftovers::kill;

    bool operator==(const Process&) const = default;
};

struct HttpProbe {
    std::string url;  // http:// or https://
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::pair<std::uint16_t, std::uint16_t>> status = {{200, 399}};  // accepted, inclusive ranges
    std::string body;                                                            // must contain; empty: any
    std::map<std::string, std::vector<std::string>> json;  // JSON pointer -> accepted values, as text
    bool tls_verify = true;
    std::string ca_file;
    bool operator==(const HttpProbe&) const = default;
};

struct TcpProbe {
    std::string host;
    std::uint16_t port = 0;
    std::string send;    // written after the connect
    std::string expect;  // the reply must contain it; empty: a connection is enough
    bool operator==(const TcpProbe&) const = default;
};

struct UnixProbe {
    std::string path;
    std::string send;
    std::string expect;
    bool operator==(const UnixProbe&) const = default;
};

// Runs as the service's user, in its cgroup, with its environment and working directory. Exit 0 passes.
struct ExecProbe {
    std::vector<std::string> command;
    bool operator==(const ExecProbe&) const = default;
};

// Opens a new connection with libpq. "starting up", "too many clients" and the like are no pass, and no
// failure of the server either.
struct PostgresProbe {
    std::string conninfo;
    std::string query;  // optional; must succeed
    bool operator==(const PostgresProbe&) const = default;
};

// Passes once a line of the service's output, since its launch, matches the regular expression (PCRE2).
struct LogProbe {
    std::string pattern;
    bool operator==(const LogProbe&) const = default;
};

using ProbeTarget = std::variant<HttpProbe, TcpProbe, UnixProbe, ExecProbe, PostgresProbe, LogProbe>;

// A file that a service reads, as it was when the configuration was loaded: how `plan` sees that it changed.
// The digest is no secret's fingerprint to publish: it is compared, and goes nowhere else. 0: could not be
// read.
struct InputFile {
    enum class Use : std::uint8_t { environment, secret, config };
    Use use = Use::config;
    std::string path;
    std::uint64_t digest = 0;
    bool operator==(const InputFile&) const = default;
};

struct Service {
    std::string name;
    core::Policy policy;  // policy.probes[i] is the schedule of targets[i]
    std::vector<ProbeTarget> targets;
    Process process;
    std::vector<InputFile> inputs;  // env_file, secrets and config_files, in this order
    Place place;                    // of [service.NAME]
};

// Who may use the control socket besides root and the daemon's own user.
struct Control {
    std::string operators = "dpsup";   // a group: may also start, stop, restart, reload, kill
    std::vector<std::string> viewers;  // groups: may look; "*" is everyone
    bool operator==(const Control&) const = default;
};

struct Daemon {
    std::string socket = "/run/dpsup/control.sock";
    std::string state_dir = "/var/lib/dpsup";
    std::string runtime_dir = "/run/dpsup";
    std::string log_dir = "/var/log/dpsup";
    std::string log_level = "info";  // trace debug info warning error
    core::RestartBudget restart_budget;
    Duration shutdown_timeout =
        std::chrono::seconds(90);  // of stopping everything; then what is left is killed
    bool operator==(const Daemon&) const = default;
};

struct Host {
    std::string name;  // default: the host's own
    bool operator==(const Host&) const = default;
};

struct Config {
    Host host;
    Daemon daemon;
    Control control;
    std::vector<Service> services;  // in dependency order; ties by name
};

}  // namespace dpsup::config
