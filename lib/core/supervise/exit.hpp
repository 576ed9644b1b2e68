// How a main process ended.
#pragma once

#include <cstdint>

namespace dpsup::core {

enum class ExitKind : std::uint8_t { exited, signaled, unknown };

// The main process ended. Others of its tree may still live: `Emptied` follows when none does.
struct Exited {
    ExitKind kind = ExitKind::exited;
    int code = 0;  // exit code or signal number; meaningless where unknown
    bool core_dumped = false;
    bool out_of_memory =
        false;  // the kernel's OOM killer struck in the service's cgroup during this instance

    bool operator==(const Exited&) const = default;
    [[nodiscard]] bool success() const { return kind == ExitKind::exited && code == 0; }
};

}  // namespace dpsup::core
