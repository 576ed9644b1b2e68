#include "io/systemd/manager_bus.hpp"

#include <unistd.h>

#include <cstring>

namespace dpsup::io {
namespace {

int open_private(Bus& bus) {
    sd_bus* raw = nullptr;
    if (const int error = sd_bus_new(&raw); error < 0) return error;
    bus.reset(raw);
    if (const int error = sd_bus_set_address(raw, "unix:path=/run/systemd/private"); error < 0) return error;
    return sd_bus_start(raw);
}

int open_system(Bus& bus) {
    sd_bus* raw = nullptr;
    const int error = sd_bus_open_system(&raw);
    bus.reset(raw);
    return error;
}

}  // namespace

Result<Bus> open_manager_bus(Duration call_timeout) {
    Bus bus;
    if (::geteuid() != 0 || open_private(bus) < 0)
        if (const int error = open_system(bus); error < 0)
            return systemd_failed("connect to the system bus", error);
    const auto timeout = std::chrono::duration_cast<std::chrono::microseconds>(call_timeout);
    (void)sd_bus_set_method_call_timeout(bus.get(), static_cast<std::uint64_t>(timeout.count()));
    return bus;
}

int unit_object(sd_bus* bus, const std::string& unit, std::string& path) {
    sd_bus_message* raw = nullptr;
    const int called = sd_bus_call_method(bus, manager_service, manager_path, manager_interface, "GetUnit",
                                          nullptr, &raw, "s", unit.c_str());
    const Message reply(raw);
    if (called < 0) return called;
    const char* object = nullptr;
    const int read = sd_bus_message_read(reply.get(), "o", &object);
    if (read >= 0) path = object;
    return read;
}

tl::unexpected<Error> systemd_failed(const std::string& what, int error) {
    return fail(error == -ETIMEDOUT ? systemd_no_answer : "no_systemd",
                what + ": " + std::strerror(error < 0 ? -error : error));
}

}  // namespace dpsup::io
