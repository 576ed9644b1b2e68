// What lies at the path at which a Unix socket is to be bound: nothing, what a dead process left, or somebody who
// listens. Shared by all that bind one; each says in its own words what is wrong.
#pragma once

#include <sys/types.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/time.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// Nothing: the path is empty or longer than 107 bytes.
[[nodiscard]] std::optional<sockaddr_un> unix_address(const std::string& path);

[[nodiscard]] std::string folder_of(const std::string& path);

// Serialises those who look and replace in one folder. Or errno: EWOULDBLOCK where somebody keeps the lock for longer
// than `patience`, for which this waits.
[[nodiscard]] tl::expected<UniqueFd, int> lock_folder(const std::string& folder, Duration patience);

struct AtPath {
    enum class What : std::uint8_t {
        nothing,
        stale,      // a socket at which nobody listens
        answers,    // somebody listens
        no_socket,  // a file of another kind
        unclear,    // cannot be told: error_number says why
    };
    What what = What::unclear;
    pid_t listener = 0;  // who called listen(), where that is known
    int error_number = 0;
};

// When a process has been killed, a child of its that is not at its exec yet may hold its sockets for a moment more:
// waits up to `patience` for that.
[[nodiscard]] AtPath look_at_socket(const std::string& path, Duration patience);

}  // namespace dpsup::io
