#include "io/systemd/services_scope.hpp"

#include <spawn.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include "base/time.hpp"
#include "io/systemd/manager_bus.hpp"

namespace dpsup::io {
namespace {

constexpr Duration call_timeout = std::chrono::seconds(5);
constexpr Duration look_interval = std::chrono::milliseconds(10);

tl::unexpected<Error> failed(const std::string& what, int error) {
    return fail("no_scope", what + ": " + std::strerror(error < 0 ? -error : error));
}

// The unit's cgroup; empty where there is no such unit.
std::string cgroup_of_unit(sd_bus* bus, const std::string& name) {
    std::string path;
    char* cgroup = nullptr;
    if (unit_object(bus, name, path) < 0 ||
        sd_bus_get_property_string(bus, manager_service, path.c_str(), "org.freedesktop.systemd1.Scope",
                                   "ControlGroup", nullptr, &cgroup) < 0)
        return {};
    const std::unique_ptr<char, decltype(&free)> owned(cgroup, &free);
    return cgroup;
}

Result<pid_t> start_holder() {
    std::array<std::string, 2> words{"sleep", "infinity"};
    std::array<char*, 3> arguments{words[0].data(), words[1].data(), nullptr};
    std::array<char*, 1> environment{nullptr};
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // It has to heed the signal that stops the scope, and whoever starts it may block all of them.
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    for (int fd = 0; fd < 3; ++fd)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == 0 ? 0 : 1, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    pid_t pid = 0;
    const int error =
        posix_spawn(&pid, "/usr/bin/sleep", &files, &attributes, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) return failed("start the holder of the services' scope (/usr/bin/sleep)", error);
    return pid;
}

int ask_for_scope(sd_bus* bus, const std::string& name, pid_t holder) {
    sd_bus_message* raw = nullptr;
    if (const int error = sd_bus_message_new_method_call(bus, &raw, manager_service, manager_path,
                                                         manager_interface, "StartTransientUnit");
        error < 0)
        return error;
    const Message call(raw);
    const int appended = sd_bus_message_append(call.get(), "ssa(sv)a(sa(sv))", name.c_str(), "fail", 5,  //
                                               "Description", "s", "the services of dpsup",              //
                                               "PIDs", "au", 1, static_cast<std::uint32_t>(holder),      //
                                               "Delegate", "b", 1,                                       //
                                               "Before", "as", 1, "dpsupd.service",                      //
                                               "CollectMode", "s", "inactive-or-failed",                 //
                                               0);
    if (appended < 0) return appended;
    return sd_bus_call(bus, call.get(), 0, nullptr, nullptr);
}

std::string v2_cgroup_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) return line.substr(3);
    return {};
}

}  // namespace

Result<ServicesScope> open_services_scope(const std::string& name) {
    const Result<Bus> bus = open_manager_bus(call_timeout);
    if (!bus) return tl::unexpected(bus.error());
    if (const std::string cgroup = cgroup_of_unit(bus->get(), name); !cgroup.empty())
        return ServicesScope{cgroup};
    const Result<pid_t> holder = start_holder();
    if (!holder) return tl::unexpected(holder.error());
    if (const int error = ask_for_scope(bus->get(), name, *holder); error < 0) {
        (void)::kill(*holder, SIGKILL);
        return failed("ask systemd for " + name, error);
    }
    // systemd moves the holder when the job runs, which it does not tell in the reply.
    for (Duration waited{}; waited < call_timeout; waited += look_interval) {
        if (const std::string cgroup = v2_cgroup_of(*holder); cgroup.ends_with("/" + name))
            return ServicesScope{cgroup};
        std::this_thread::sleep_for(look_interval);
    }
    (void)::kill(*holder, SIGKILL);
    return fail("no_scope", "systemd did not move the holder into " + name + " in time");
}

void close_services_scope(const std::string& name) {
    const Result<Bus> bus = open_manager_bus(call_timeout);
    if (!bus) return;
    // Not waited for: being before dpsupd.service, the scope ends only after it where systemd stops that. For the
    // same reason a dpsupd that systemd starts at once does not find a scope that is on its way out.
    (void)sd_bus_call_method(bus->get(), manager_service, manager_path, manager_interface, "StopUnit",
                             nullptr, nullptr, "ss", name.c_str(), "fail");
}

}  // namespace dpsup::io
