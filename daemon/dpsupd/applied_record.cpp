#include "applied_record.hpp"

#include <malloc.h>

#include "io/state/applied_config.hpp"
#include "log.hpp"

namespace dpsup {

// Supervision goes on without a record; after a crash the files would count.
void AppliedRecord::store(const config::Daemon& daemon, config::Origin origin) const {
    {
        const io::AppliedConfig applied{std::move(origin), daemon.socket, daemon.state_dir,
                                        daemon.runtime_dir, daemon.log_dir};
        if (const Result<void> stored = io::store_applied_config(path_, boot_id_, applied); !stored)
            log_error(stored.error());
    }
    malloc_trim(0);  // the texts are on record now, and the daemon stays small
}

void AppliedRecord::clear() const {
    io::remove_applied_config(path_);
}

}  // namespace dpsup
