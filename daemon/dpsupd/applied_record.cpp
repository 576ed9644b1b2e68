#include "applied_record.hpp"

#include <malloc.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "log.hpp"

namespace dpsup {
namespace {

constexpr Duration wait_min = std::chrono::seconds(1);
constexpr Duration wait_max = std::chrono::seconds(32);

}  // namespace

AppliedRecord::AppliedRecord(boost::asio::io_context& context, std::string path, std::string boot_id)
    : path_(std::move(path)), boot_id_(std::move(boot_id)), retry_(context) {}

// Supervision goes on without a record; after a crash the files would count.
Result<void> AppliedRecord::store(const config::Daemon& daemon, config::Origin origin) {
    missing_ = {std::move(origin), daemon.socket, daemon.state_dir, daemon.runtime_dir, daemon.log_dir};
    retry_.cancel();
    wait_ = wait_min;
    Result<void> written = write();
    if (!written) log_error(written.error());
    return written;
}

Result<void> AppliedRecord::write() {
    Result<void> written = io::store_applied_config(path_, boot_id_, *missing_);
    if (written && failing_) log_info("the configuration that was applied is on record again");
    failing_ = !written;
    if (written || !io::may_store_later(written.error()))
        missing_.reset();
    else
        try_again();
    malloc_trim(0);  // the texts are on record now, and the daemon stays small
    return written;
}

void AppliedRecord::try_again() {
    retry_.expires_after(std::exchange(wait_, std::min(2 * wait_, wait_max)));
    retry_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && missing_) (void)write();  // told when it began to fail
    });
}

void AppliedRecord::clear() {
    missing_.reset();
    retry_.cancel();
    io::remove_applied_config(path_);
}

}  // namespace dpsup
