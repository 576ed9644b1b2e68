// A connection to systemd, and what a call to it has to name. Everything here blocks: for threads, and for the start.
#pragma once

#include <systemd/sd-bus.h>

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace dpsup::io {

inline constexpr const char* manager_service = "org.freedesktop.systemd1";
inline constexpr const char* manager_path = "/org/freedesktop/systemd1";
inline constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";

struct BusCloser {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
using Bus = std::unique_ptr<sd_bus, BusCloser>;

struct MessageReleaser {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageReleaser>;

// As root straight to systemd, as systemctl does: early in the boot, late in a shutdown and without the dbus package
// there is no bus. Else, and where that fails, over the system bus. `call_timeout` is that of each call.
[[nodiscard]] Result<Bus> open_manager_bus(Duration call_timeout);

// The object of a loaded unit. Negative errno of sd-bus where there is none.
[[nodiscard]] int unit_object(sd_bus* bus, const std::string& unit, std::string& path);

// The code of the error where systemd was asked, and may yet do it.
inline constexpr const char* systemd_no_answer = "systemd_no_answer";

// "no_systemd", or systemd_no_answer: WHAT: why.
[[nodiscard]] tl::unexpected<Error> systemd_failed(const std::string& what, int error);

}  // namespace dpsup::io
