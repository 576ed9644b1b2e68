// The plan: what it takes to get from the configuration that runs to the one that is wanted. Pure; the engine
// carries it out. Which change costs what is a column of the table of keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "core/supervise/event.hpp"

namespace dpsup::config {

using Action = core::Change;

struct Operation {
    std::string service;
    Action action = Action::add;
    std::vector<std::string>
        causes;  // "command changed: ["a"] -> ["b"]"; never a secret or a variable's value
};

struct Difference {
    std::vector<Operation> operations;  // in dependency order; removals last, dependents first
    std::vector<std::string> settings;  // of the daemon, that hold at once: "daemon.log_level changed: ..."
    std::vector<std::string> warnings;  // what takes effect only when dpsupd is restarted
};

[[nodiscard]] Difference difference(const Config& running, const Config& wanted);

[[nodiscard]] std::string_view to_string(Action action);

// The definition of a service, as a hash of all keys whose change would restart it (FNV-1a, 64 bits, hexadecimal).
// Tells whether a job that completed is still the same job; the contents of files are not part of it.
[[nodiscard]] std::string fingerprint(const Service& service);

// The same of what an instance was launched with: with the contents of env_files and secrets, which it has read.
[[nodiscard]] std::string launch_fingerprint(const Service& service);

// Whether an instance was launched with another definition than this. Where a file that it has read does not answer, that
// counts as unchanged.
[[nodiscard]] bool launched_otherwise(const std::string& definition, const Service& service);

}  // namespace dpsup::config
