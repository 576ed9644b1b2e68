// One listening socket as the configuration describes it: opened, recognised, given away, and cleared up.
#pragma once

#include <sys/types.h>

#include <tl/expected.hpp>

#include "config/model.hpp"
#include "core/supervise/event.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// Binds and listens. Fails at once, with stage "socket", where the address is taken or is none of this host's. At a
// path, what a dead process left is replaced; a socket that answers, and anything that is no socket, is refused, and so is
// a path on a file system that does not answer.
[[nodiscard]] tl::expected<UniqueFd, core::LaunchFailed> open_listening(const config::Socket& socket);

// Whether this descriptor, wherever it came from, is a stream socket that listens there.
[[nodiscard]] bool listens_at(int fd, const config::Socket& socket);

// Whether clients still find it: false where somebody has removed a Unix socket's file. True where that cannot be seen.
[[nodiscard]] bool can_be_found(const config::Socket& socket);

// Makes a Unix socket's file its user's, with the configured mode; 0 or errno. Nothing where there is none.
[[nodiscard]] int give_to(const config::Socket& socket, uid_t uid, gid_t gid);

// Removes a Unix socket's file where nobody listens any more. False: somebody does, or it cannot be told now.
bool clear_up(const config::Socket& socket);

}  // namespace dpsup::io
