// Keeps a directory to one daemon: a file in it, locked for as long as the daemon lives.
#pragma once

#include <string>

#include "base/result.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

// Locks DIRECTORY/NAME, which exists from then on; it stays locked as long as the descriptor is open, here or in a child
// that is not at its exec yet. For the sake of such children of a daemon that has just been killed, whoever holds it
// gets two seconds to let go. Then it fails with "already_running", which calls the directory `what`.
// `held`: the same lock, as this process held it before a re-exec; not looked at where it is another file's.
[[nodiscard]] Result<UniqueFd> lock_directory(const std::string& directory, const std::string& name,
                                              const std::string& what, UniqueFd held = {});

}  // namespace dpsup::io
