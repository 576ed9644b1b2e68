// sd_notify(3) that never waits long: libsystemd's own waits for as long as systemd does not read, and with it would
// wait the loop, and everything that is supervised.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dpsup::io {

enum class Patience : std::uint8_t {
    none,  // what is said again, or is of the moment: dropped where systemd has no room for it
    brief  // what is said once: a fraction of a second
};

// Best effort by nature: a systemd that does not listen changes nothing of what dpsupd does.
void tell_manager(const std::string& state, Patience patience, std::span<const int> descriptors = {});

}  // namespace dpsup::io
