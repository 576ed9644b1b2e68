// What dpsup remembers across its own end: commands that went against the configuration (a service stopped by
// hand stays stopped) and jobs that have completed. One small, versioned JSON file, replaced atomically:
// written, synced, renamed, and the directory synced, so that a crash at any moment leaves the old or the new
// one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

struct RememberedService {
    std::optional<bool> wanted_up;  // only where a command said so
    std::string done_as;  // fingerprint of the definition with which the job completed; empty: not done

    bool operator==(const RememberedService&) const = default;
};

using Remembered = std::map<std::string, RememberedService>;

class StateStore {
public:
    // Creates the directory (0700) where it is missing, and locks it for the life of the store; fails with
    // "already_running" as lock_directory() does.
    [[nodiscard]] static Result<StateStore> open(const std::string& directory, UniqueFd held = {});
    [[nodiscard]] int lock() const { return lock_.get(); }

    // Whether load() would understand what lies there; locks nothing.
    [[nodiscard]] static Result<void> check(const std::string& directory);

    // Nothing is remembered where there is no file. A file of a newer version or one that cannot be
    // understood is an error, and left as it is.
    [[nodiscard]] Result<Remembered> load() const;

    // Blocks for the disk; may be called from any one thread at a time.
    [[nodiscard]] Result<void> save(const Remembered& remembered) const;

private:
    StateStore(std::string directory, UniqueFd lock)
        : directory_(std::move(directory)), lock_(std::move(lock)) {}

    std::string directory_;
    UniqueFd lock_;
};

}  // namespace dpsup::io
