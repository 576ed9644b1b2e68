#include "io/process/cgroup_limits.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>

#include "io/process/cgroup_files.hpp"

namespace dpsup::io::cgroup {
namespace {

struct Limit {
    const char* key;  // in the configuration
    const char* controller;
    const char* file;
    std::optional<std::string> text;  // none: no limit is wanted
    std::string unlimited;
    bool was_set = false;
};

std::string cpu_text(double cpus) {
    constexpr double period_us = 100000;
    return std::to_string(std::max(1000LL, std::llround(cpus * period_us))) + " 100000";
}

std::vector<Limit> limits_to_write(const config::Limits& before, const config::Limits& limits) {
    std::vector<Limit> list{
        {"cpus", "cpu", "cpu.max", {}, "max 100000", before.cpus.has_value()},
        {"memory", "memory", "memory.max", {}, "max", before.memory.has_value()},
        {"pids", "pids", "pids.max", {}, "max", before.pids.has_value()},
        {"io_weight", "io", "io.weight", {}, "default 100", before.io_weight.has_value()}};
    if (limits.cpus) list[0].text = cpu_text(*limits.cpus);
    if (limits.memory) list[1].text = std::to_string(*limits.memory);
    if (limits.pids) list[2].text = std::to_string(*limits.pids);
    if (limits.io_weight) list[3].text = "default " + std::to_string(*limits.io_weight);
    return list;
}

// Turns the controller on for the children of `directory`, if need be for `directory` itself first. One step
// up only: that is the cgroup in which the daemon was put; what lies above is not ours.
int enable(const std::string& directory, const std::string& controller, int steps_up) {
    if (has_word(read_file(directory + "/cgroup.subtree_control"), controller)) return 0;
    if (!has_word(read_file(directory + "/cgroup.controllers"), controller)) {
        if (steps_up == 0) return ENODEV;
        const auto parent = std::filesystem::path(directory).parent_path().string();
        if (const int error = enable(parent, controller, steps_up - 1); error != 0) return error;
    }
    return write_file(directory + "/cgroup.subtree_control", "+" + controller);
}

std::string missing(const Limit& limit, const std::string& root, int error) {
    const std::string start =
        std::string("limits.") + limit.key + ": the " + limit.controller + " controller ";
    if (error == ENODEV || error == ENOENT) return start + "is not available in " + root;
    return start + "cannot be turned on in " + root + " (" + std::strerror(error) + ")";
}

std::optional<LimitFailure> apply(const std::string& root, const std::string& directory, const Limit& limit) {
    if (!limit.text && !limit.was_set) return std::nullopt;
    const int enabled = limit.text ? enable(root, limit.controller, 1) : 0;
    if (enabled != 0)
        return LimitFailure{limit.controller, enabled == ENODEV ? 0 : enabled, missing(limit, root, enabled)};
    const std::string text = limit.text.value_or(limit.unlimited);
    const int written = write_file(directory + "/" + limit.file, text);
    if (written == 0 || (!limit.text && written == ENOENT)) return std::nullopt;
    return LimitFailure{limit.controller, written,
                        std::string("limits.") + limit.key + ": writing " + text + " to " + directory + "/" +
                            limit.file + ": " + std::strerror(written)};
}

}  // namespace

std::vector<LimitFailure> apply_limits(const std::string& root, const std::string& directory,
                                       config::Limits& set, const config::Limits& limits) {
    std::vector<LimitFailure> failures;
    const auto list = limits_to_write(set, limits);
    const auto holds = [&](std::size_t place) {
        auto failure = apply(root, directory, list[place]);
        if (failure) failures.push_back(std::move(*failure));
        return !failure;
    };
    if (holds(0)) set.cpus = limits.cpus;
    if (holds(1)) set.memory = limits.memory;
    if (holds(2)) set.pids = limits.pids;
    if (holds(3)) set.io_weight = limits.io_weight;
    return failures;
}

}  // namespace dpsup::io::cgroup
