#include "io/process/cgroup_limits.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "io/process/cgroup_files.hpp"

namespace dpsup::io::cgroup {
namespace {

struct Limit {
    const char* key;  // in the configuration
    const char* controller;
    const char* file;
    std::string unlimited;
    bool* given;
    std::optional<std::string> text = {};  // none: no limit is wanted
};

std::string cpu_text(double cpus) {
    constexpr double period_us = 100000;
    return std::to_string(std::max(1000LL, std::llround(cpus * period_us))) + " 100000";
}

std::vector<Limit> limits_to_write(GivenLimits& given, const config::Limits& limits) {
    std::vector<Limit> list{{"cpus", "cpu", "cpu.max", "max 100000", &given.cpus},
                            {"memory", "memory", "memory.max", "max", &given.memory},
                            {"pids", "pids", "pids.max", "max", &given.pids},
                            {"io_weight", "io", "io.weight", "default 100", &given.io_weight}};
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

// The BFQ scheduler has weights of its own, up to 1000; 100 is the usual one there too. As systemd converts.
std::string bfq_text(const std::string& text) {
    constexpr unsigned long usual = 100;
    constexpr unsigned long most = 10000;
    constexpr unsigned long bfq_most = 1000;
    const unsigned long weight = std::stoul(text.substr(text.find(' ') + 1));
    if (weight <= usual) return text;
    return "default " + std::to_string(usual + (weight - usual) * (bfq_most - usual) / (most - usual));
}

int write_limit(const std::string& directory, const Limit& limit) {
    const std::string text = limit.text.value_or(limit.unlimited);
    const int written = write_file(directory + "/" + limit.file, text);
    if (limit.file != std::string_view("io.weight")) return written;
    // Which of the two is there, and counts, depends on the kernel and on each disk's scheduler.
    const int bfq_written = write_file(directory + "/io.bfq.weight", bfq_text(text));
    return written == ENOENT ? bfq_written : written;
}

std::optional<LimitFailure> apply(const std::string& root, const std::string& directory, const Limit& limit) {
    if (!limit.text && !*limit.given) return std::nullopt;
    const int enabled = limit.text ? enable(root, limit.controller, 1) : 0;
    if (enabled != 0)
        return LimitFailure{limit.controller, enabled == ENODEV ? 0 : enabled, missing(limit, root, enabled)};
    const int written = write_limit(directory, limit);
    if (written == 0) *limit.given = limit.text.has_value();
    if (written == 0 || (!limit.text && written == ENOENT)) return std::nullopt;
    return LimitFailure{limit.controller, written,
                        std::string("limits.") + limit.key + ": writing " +
                            limit.text.value_or(limit.unlimited) + " to " + directory + "/" + limit.file +
                            ": " + std::strerror(written)};
}

}  // namespace

GivenLimits possible_limits(const std::string& root) {
    const std::string on = read_file(root + "/cgroup.subtree_control");
    return {has_word(on, "cpu"), has_word(on, "memory"), has_word(on, "pids"), has_word(on, "io")};
}

std::vector<LimitFailure> apply_limits(const std::string& root, const std::string& directory,
                                       GivenLimits& given, const config::Limits& limits) {
    std::vector<LimitFailure> failures;
    for (const auto& limit : limits_to_write(given, limits)) {
        if (auto failure = apply(root, directory, limit)) failures.push_back(std::move(*failure));
    }
    return failures;
}

}  // namespace dpsup::io::cgroup
