#include "io/process/foreign_process.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include "io/process/descriptor_limit.hpp"
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

// The numbers of its descriptors that are sockets, in order.
std::vector<int> sockets_of(pid_t pid) {
    std::vector<int> numbers;
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
        const std::string name = entry.path().filename().string();
        int number = -1;
        (void)std::from_chars(name.data(), name.data() + name.size(), number);
        if (!error && target.starts_with("socket:") && number >= 0) numbers.push_back(number);
    }
    std::ranges::sort(numbers);
    return numbers;
}

// Whether /proc shows us how it ended; to others it shows 0. Its link to the program is kept by the same rule, and
// leads nowhere by then.
bool may_look(pid_t pid) {
    char target = 0;
    return ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), &target, 1) >= 0 || errno == ENOENT;
}

// Of a process that has ended and waits for its parent; it keeps its number until then.
std::optional<core::Exited> exit_of_unreaped(int pidfd, pid_t pid) {
    ProcEntry entry;
    if (!read_proc_entry(pid, entry) || !entry.ended() || !may_look(pid)) return std::nullopt;
    if (::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0) return std::nullopt;
    return exit_from(entry.exit_status);
}

// As long as its parent has not reaped it, /proc tells; once it has, the pidfd does, since 6.15.
core::Exited exit_of(int pidfd, pid_t pid) {
    if (const auto exit = exit_of_unreaped(pidfd, pid)) return *exit;
    PidfdInfo info;
    info.mask = pidfd_info_exit;
    if (::ioctl(pidfd, pidfd_get_info, &info) == 0 && (info.mask & pidfd_info_exit) != 0)
        return exit_from(info.exit_code);
    return {.kind = core::ExitKind::unknown};
}

bool has_ended(int pidfd) {
    pollfd ended{pidfd, POLLIN, 0};
    int seen = -1;
    do {
        seen = ::poll(&ended, 1, 0);
    } while (seen < 0 && errno == EINTR);
    return seen > 0;
}

}  // namespace

struct ForeignProcess::Implementation {
    Implementation(boost::asio::io_context& context, int fd, pid_t number, Ended on_ended)
        : descriptor(context, fd), pid(number), ended(std::move(on_ended)) {}

    boost::asio::posix::stream_descriptor descriptor;
    pid_t pid;
    Ended ended;
};

std::uint64_t ForeignProcess::descriptors_kept() {
    constexpr std::uint64_t most = 32;
    constexpr std::uint64_t share = 8;
    return std::min<std::uint64_t>(most, descriptor_limit().rlim_cur / share);
}

// A new descriptor has the lowest number that is free: so many are open at least.
UniqueFd ForeignProcess::hold(pid_t pid) {
    UniqueFd held = hold_with_the_last(pid);
    if (!held || static_cast<std::uint64_t>(held.get()) < descriptor_limit().rlim_cur - descriptors_kept())
        return held;
    held.reset();
    errno = EMFILE;
    return held;
}

UniqueFd ForeignProcess::hold_with_the_last(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool ForeignProcess::lives(const UniqueFd& held) {
    return !has_ended(held.get());
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
    auto implementation = std::make_shared<Implementation>(context, held.release(), pid, std::move(ended));
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

void ForeignProcess::tell_if_ended() const {
    const auto keep = implementation_;  // whoever is told may let go of us
    const int pidfd = keep->descriptor.native_handle();
    if (has_ended(pidfd)) keep->ended(exit_of(pidfd, keep->pid));
}

void ForeignProcess::signal(int signal) const {
    ::syscall(SYS_pidfd_send_signal, implementation_->descriptor.native_handle(), signal, nullptr, 0);
}

// What is copied is its, whatever /proc says by then: the pidfd names the process.
std::vector<UniqueFd> ForeignProcess::listening_sockets() const {
    std::vector<UniqueFd> found;
    const int pidfd = implementation_->descriptor.native_handle();
    for (const int number : sockets_of(implementation_->pid)) {
        UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, number, 0)));
        int listens = 0;
        socklen_t size = sizeof listens;
        if (fd && ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1)
            found.push_back(std::move(fd));
    }
    return found;
}

}  // namespace dpsup::io
