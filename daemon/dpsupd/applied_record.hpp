// Puts the configuration that runs on record before it takes effect, for a dpsupd that has to go on with it.
#pragma once

#include <string>
#include <utility>

#include "config/load.hpp"

namespace dpsup {

class AppliedRecord {
public:
    // Both may be empty: then nothing is recorded.
    AppliedRecord(std::string path, std::string boot_id)
        : path_(std::move(path)), boot_id_(std::move(boot_id)) {}

    void store(const config::Daemon& daemon, config::Origin origin) const;

    // Everything has been stopped: the next dpsupd reads the files.
    void clear() const;

private:
    std::string path_;
    std::string boot_id_;
};

}  // namespace dpsup
