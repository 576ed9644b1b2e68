// Puts the configuration that runs on record before it takes effect, for a dpsupd that has to go on with it. Where that
// fails it is tried again until it is there: nobody may apply anything for months.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "config/load.hpp"
#include "io/state/applied_config.hpp"

namespace dpsup {

class AppliedRecord {
public:
    // Both may be empty: then nothing is recorded.
    AppliedRecord(boost::asio::io_context& context, std::string path, std::string boot_id);

    // The error: it is not on record yet.
    [[nodiscard]] Result<void> store(const config::Daemon& daemon, config::Origin origin);

    // Everything has been stopped: the next dpsupd reads the files.
    void clear();

private:
    [[nodiscard]] Result<void> write();
    void try_again();

    std::string path_;
    std::string boot_id_;
    std::optional<io::AppliedConfig> missing_;  // what runs, until it is on record
    bool failing_ = false;
    Duration wait_{};
    boost::asio::steady_timer retry_;
};

}  // namespace dpsup
