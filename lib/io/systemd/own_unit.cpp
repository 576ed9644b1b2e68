#include "io/systemd/own_unit.hpp"

#include <systemd/sd-login.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "io/systemd/manager_bus.hpp"

namespace dpsup::io {
namespace {

constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";

std::string own_unit() {
    char* raw = nullptr;
    if (sd_pid_get_unit(0, &raw) < 0) return {};
    const std::unique_ptr<char, decltype(&free)> owned(raw, &free);
    return raw;
}

struct Unit {
    Bus bus;
    std::string name;
    std::string path;  // empty: we are nobody's main process
};

// Below a user's systemd the unit is user@UID.service, and its main process another.
Result<Unit> find_own_unit(Duration call_timeout) {
    Unit unit;
    unit.name = own_unit();
    if (!unit.name.ends_with(".service")) return unit;
    Result<Bus> bus = open_manager_bus(call_timeout);
    if (!bus) return tl::unexpected(bus.error());
    unit.bus = std::move(*bus);
    std::string path;
    if (const int error = unit_object(unit.bus.get(), unit.name, path); error < 0)
        return systemd_failed("ask systemd for " + unit.name, error);
    std::uint32_t main_pid = 0;
    if (const int error = sd_bus_get_property_trivial(unit.bus.get(), manager_service, path.c_str(),
                                                      "org.freedesktop.systemd1.Service", "MainPID", nullptr,
                                                      'u', &main_pid);
        error < 0)
        return systemd_failed("ask systemd for the main process of " + unit.name, error);
    if (main_pid == static_cast<std::uint32_t>(::getpid())) unit.path = path;
    return unit;
}

int string_property(sd_bus* bus, const char* path, const char* interface, const char* name,
                    std::string& into) {
    char* raw = nullptr;
    const int error = sd_bus_get_property_string(bus, manager_service, path, interface, name, nullptr, &raw);
    const std::unique_ptr<char, decltype(&free)> owned(raw, &free);
    if (error >= 0) into = raw;
    return error;
}

// Empty: there is none.
int job_type_of(const Unit& unit, std::string& type) {
    sd_bus_message* raw = nullptr;
    const int error = sd_bus_get_property(unit.bus.get(), manager_service, unit.path.c_str(), unit_interface,
                                          "Job", nullptr, &raw, "(uo)");
    const Message reply(raw);
    if (error < 0) return error;
    std::uint32_t number = 0;
    const char* job = nullptr;
    if (const int bad = sd_bus_message_read(reply.get(), "(uo)", &number, &job); bad < 0) return bad;
    if (number == 0) return 0;
    return string_property(unit.bus.get(), job, "org.freedesktop.systemd1.Job", "JobType", type);
}

int stop(sd_bus* bus, const std::string& unit) {
    return sd_bus_call_method(bus, manager_service, manager_path, manager_interface, "StopUnit", nullptr,
                              nullptr, "ss", unit.c_str(), "replace");
}

}  // namespace

Result<core::UnitAnswer> ask_about_own_unit(Duration call_timeout) {
    const Result<Unit> unit = find_own_unit(call_timeout);
    if (!unit) return tl::unexpected(unit.error());
    core::UnitAnswer answer;
    if (unit->path.empty()) return answer;
    answer.ours = true;
    if (const int error = job_type_of(*unit, answer.job); error < 0)
        return systemd_failed("ask systemd for its job for " + unit->name, error);
    if (const int error = string_property(unit->bus.get(), manager_path, manager_interface, "SystemState",
                                          answer.manager_state);
        error < 0)
        return systemd_failed("ask systemd for its state", error);
    return answer;
}

Result<bool> stop_own_unit(Duration call_timeout) {
    const Result<Unit> unit = find_own_unit(call_timeout);
    if (!unit) return tl::unexpected(unit.error());
    if (unit->path.empty()) return false;
    char** raw = nullptr;
    if (const int error = sd_bus_get_property_strv(unit->bus.get(), manager_service, unit->path.c_str(),
                                                   unit_interface, "TriggeredBy", nullptr, &raw);
        error < 0)
        return systemd_failed("ask systemd what starts " + unit->name, error);
    const auto release = [](char** list) {
        for (char** each = list; each != nullptr && *each != nullptr; ++each) ::free(*each);
        ::free(static_cast<void*>(list));
    };
    const std::unique_ptr<char*, decltype(release)> triggers(raw, release);
    // The unit first: the sockets are then closed after it, and whoever asks for the status meanwhile gets it.
    if (const int error = stop(unit->bus.get(), unit->name); error < 0)
        return systemd_failed("have systemd stop " + unit->name, error);
    for (char** each = triggers.get(); each != nullptr && *each != nullptr; ++each)
        if (const int error = stop(unit->bus.get(), *each); error < 0)
            return systemd_failed("have systemd stop " + std::string(*each), error);
    return true;
}

}  // namespace dpsup::io
