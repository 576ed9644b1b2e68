#include "io/process/foreign_process.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>

#include "io/process/proc_entry.hpp"

namespace dpsup::io {
namespace {

// As of linux/pidfd.h of 6.15; older headers do not have it.
struct PidfdInfo {
    std::uint64_t mask = 0;
    std::uint64_t cgroup = 0;
    std::uint32_t ids[11] = {};
    std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t pidfd_info_exit = 1U << 3U;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);

core::Exited exit_from(int status) {
    if (WIFSIGNALED(status))
        return {core::ExitKind::signaled, WTERMSIG(status), WCOREDUMP(status) != 0, false};
    return {.kind = core::ExitKind::exited, .code = WEXITSTATUS(status)};
}

// As long as its parent has not reaped it, /proc tells; once it has, the pidfd does, since 6.15.
core::Exited exit_of(int pidfd, pid_t pid) {
    ProcEntry entry;
    if (read_proc_entry(pid, entry) && entry.ended()) return exit_from(entry.exit_status);
    PidfdInfo info;
    info.mask = pidfd_info_exit;
    if (::ioctl(pidfd, pidfd_get_info, &info) == 0 && (info.mask & pidfd_info_exit) != 0)
        return exit_from(info.exit_code);
    return {.kind = core::ExitKind::unknown};
}

}  // namespace

struct ForeignProcess::Implementation {
    Implementation(boost::asio::io_context& context, int fd, Ended on_ended)
        : descriptor(context, fd), ended(std::move(on_ended)) {}

    boost::asio::posix::stream_descriptor descriptor;
    Ended ended;
};

UniqueFd ForeignProcess::hold(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool ForeignProcess::lives(const UniqueFd& held) {
    pollfd ended{held.get(), POLLIN, 0};
    return ::poll(&ended, 1, 0) == 0;
}

bool ForeignProcess::ends_by(const UniqueFd& held, std::chrono::steady_clock::time_point until) {
    pollfd ended{held.get(), POLLIN, 0};
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
        const int seen = ::poll(&ended, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (seen > 0) return true;
        if (seen == 0 && left <= 0) return false;
        if (seen < 0 && errno != EINTR) return false;
    }
}

std::unique_ptr<ForeignProcess> ForeignProcess::watch(boost::asio::io_context& context, UniqueFd held,
                                                      pid_t pid, Ended ended) {
    auto implementation = std::make_shared<Implementation>(context, held.release(), std::move(ended));
    implementation->descriptor.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [weak = std::weak_ptr(implementation), pid](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self && self->descriptor.is_open())
                self->ended(exit_of(self->descriptor.native_handle(), pid));
        });
    return std::unique_ptr<ForeignProcess>(new ForeignProcess(std::move(implementation)));
}

ForeignProcess::ForeignProcess(std::shared_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

ForeignProcess::~ForeignProcess() {
    boost::system::error_code ignored;
    implementation_->descriptor.close(ignored);
}

void ForeignProcess::signal(int signal) const {
    ::syscall(SYS_pidfd_send_signal, implementation_->descriptor.native_handle(), signal, nullptr, 0);
}

}  // namespace dpsup::io
