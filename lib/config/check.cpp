#include "config/check.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "base/signals.hpp"
#include "base/text.hpp"

namespace dpsup::config {
namespace {

using core::Kind;
using core::RestartWhen;

constexpr std::array<std::string_view, 4> probe_keys{"healthcheck", "startup", "readiness", "liveness"};

void check_command(Reading& reading, const Node& table) {
    // What stands for the command has been told of already.
    for (const std::string_view key :
         {"command", "image", "unit", "cmd", "exec", "entrypoint", "ExecStart", "program"})
        if (table.find(key) != nullptr) return;
    reading.error(table, "has no command", "write command = [\"/path/of/the/program\", \"argument\"]");
}

// "always" was written, rather than being the default.
bool wrote_policy(const Node& table) {
    const Node* restart = table.find("restart");
    return restart != nullptr && (restart->table() == nullptr || restart->find("policy") != nullptr);
}

void check_job(Reading& reading, const Node& table, Service& service) {
    if (service.policy.kind != Kind::job) return;
    if (!wrote_policy(table)) service.policy.restart.when = RestartWhen::on_failure;
    if (service.policy.restart.when == RestartWhen::always)
        reading.error(*table.find("restart"), "a job that is always restarted would never be done",
                      "write restart = \"on-failure\" or \"no\"");
    for (const std::string_view key : probe_keys)
        if (const Node* probe = table.find(key))
            reading.error(*probe,
                          "a job has no " + std::string(key) + ": it is done when it ends with exit code 0");
    for (const std::string_view key : {"notify", "watchdog"}) {
        const Node* node = table.find(key);
        const bool on = key == "notify" ? service.policy.notify : service.policy.watchdog > Duration::zero();
        if (node != nullptr && on) reading.error(*node, "a job has no " + std::string(key));
    }
}

// Without notify a service gets no socket to send WATCHDOG=1 to, and would be killed again and again.
void check_watchdog(Reading& reading, const Node& table, const Service& service) {
    const Node* watchdog = table.find("watchdog");
    if (watchdog == nullptr || service.policy.kind == Kind::job) return;
    if (service.policy.watchdog > Duration::zero() && !service.policy.notify)
        reading.error(*watchdog, "watchdog needs notify = true: the service tells it is alive by sd_notify",
                      "write notify = true if the program sends READY=1, else use a liveness probe");
}

void check_restart(Reading& reading, const Node& table, const core::RestartPolicy& restart) {
    const Node* node = table.find("restart");
    if (node == nullptr || node->table() == nullptr) return;
    if (restart.delay > restart.delay_max) reading.error(*node, "delay is longer than max_delay");
    if (node->find("attempts") != nullptr && !restart.give_up)
        reading.warning(*node->find("attempts"),
                        "attempts is without effect: retries never end unless give_up = true");
    if (restart.give_up && restart.when == RestartWhen::never)
        reading.warning(*node, "give_up is without effect with policy = \"no\"");
}

void check_probes(Reading& reading, const Node& table, const Service& service) {
    if (const Node* health = table.find("healthcheck"))
        for (const std::string_view key : {"readiness", "liveness"})
            if (table.find(key) != nullptr)
                reading.error(*health,
                              "healthcheck stands for readiness and liveness, and there is " +
                                  std::string(key) + " too",
                              "write either healthcheck, or readiness and liveness");
    for (std::size_t i = 0; i < service.targets.size(); ++i) {
        const core::ProbePolicy& probe = service.policy.probes[i];
        if (std::holds_alternative<LogProbe>(service.targets[i]) &&
            service.process.log.target == LogConfig::Target::none)
            reading.error(table, "a log probe needs the output, and log.target is \"none\"");
        if (service.policy.start_timeout > Duration::zero() &&
            service.policy.start_timeout < probe.start_period)
            reading.warning(*table.find("start_timeout"),
                            "start_timeout ends before the probe's start_period does");
    }
}

void check_signals(Reading& reading, const Node& table, const Service& service) {
    constexpr std::array useless{SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD};
    if (std::ranges::find(useless, service.policy.stop_signal) != useless.end())
        reading.error(*table.find("stop_signal"),
                      signal_name(service.policy.stop_signal) + " does not end a process");
    const auto* reload = std::get_if<ReloadSignal>(&service.process.reload);
    if (reload != nullptr && (reload->signal == SIGKILL || reload->signal == SIGSTOP))
        reading.error(*table.find("reload"),
                      signal_name(reload->signal) + " makes no process read its configuration again",
                      "name the signal that its manual names, which is mostly \"HUP\"");
}

}  // namespace

bool check_name(Reading& reading, const Entry& entry) {
    constexpr std::size_t name_size_max = 64;
    const auto small = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const auto legal = [&](char c) { return small(c) || c == '.' || c == '_' || c == '-'; };
    const std::string& name = entry.key;
    if (!name.empty() && name.size() <= name_size_max && small(name.front()) &&
        std::ranges::all_of(name, legal))
        return true;
    reading.error(
        entry.position, quoted(name.substr(0, name_size_max)) + " cannot be the name of a service",
        "small letters, digits, \".\", \"_\" and \"-\", with a letter or a digit first; at most 64");
    return false;
}

void check_service(Reading& reading, const Node& table, Service& service) {
    check_command(reading, table);
    check_job(reading, table, service);
    check_watchdog(reading, table, service);
    check_restart(reading, table, service.policy.restart);
    check_probes(reading, table, service);
    check_signals(reading, table, service);
    service.policy.listens = !service.process.sockets.empty();
}

void check_daemon(Reading& reading, const Node& table, const Daemon& daemon) {
    const std::array<std::pair<std::string_view, const std::string*>, 3> folders{
        {{"state_dir", &daemon.state_dir},
         {"runtime_dir", &daemon.runtime_dir},
         {"log_dir", &daemon.log_dir}}};
    for (std::size_t i = 0; i < folders.size(); ++i) {
        if (*folders.at(i).second == daemon.socket)
            reading.error(table, "socket and " + std::string(folders.at(i).first) + " are the same path");
        for (std::size_t j = i + 1; j < folders.size(); ++j)
            if (*folders.at(i).second == *folders.at(j).second)
                reading.error(table,
                              std::string(folders.at(i).first) + " and " + std::string(folders.at(j).first) +
                                  " are the same folder",
                              "what outlives a reboot and what does not must be kept apart");
    }
}

}  // namespace dpsup::config
