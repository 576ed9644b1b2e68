// The main process of a service that is no child of ours (MAINPID= of a process whose parent still lives):
// seen through a pidfd, the only descriptor that a running process ever costs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/supervise/event.hpp"
#include "io/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class ForeignProcess {
public:
    // Told on the loop, once, unless this object is gone by then. How it ended is `unknown` before
    // Linux 6.15.
    using Ended = std::function<void(const core::Exited&)>;

    // Which process has that number now. Empty, and errno says why: it cannot be held (ESRCH: it has ended already; the
    // kernel may be older than 5.3; EMFILE: no more than descriptors_kept() are left).
    [[nodiscard]] static UniqueFd hold(pid_t pid);
    // The same with the last descriptor too: for what is held for a moment, or is one service's and not all services'.
    [[nodiscard]] static UniqueFd hold_with_the_last(pid_t pid);
    // A takeover holds every service: it leaves so many for the control socket, launches and probes.
    [[nodiscard]] static std::uint64_t descriptors_kept();
    // Whether it has not ended. Then it has had that number ever since hold(), and what was found out about the number
    // meanwhile is true of it.
    [[nodiscard]] static bool lives(const UniqueFd& held);

    // Waits for its end, until then. False: it has not ended.
    [[nodiscard]] static bool ends_by(const UniqueFd& held, std::chrono::steady_clock::time_point until);

    [[nodiscard]] static std::unique_ptr<ForeignProcess> watch(boost::asio::io_context& context,
                                                               UniqueFd held, pid_t pid, Ended ended);
    ~ForeignProcess();
    ForeignProcess(const ForeignProcess&) = delete;
    ForeignProcess& operator=(const ForeignProcess&) = delete;

    // Its end is told now, where the loop has not come to that yet; it may be told a second time.
    void tell_if_ended() const;

    void signal(int signal) const;

    // Copies of its listening sockets, by number. None: it has none, or we may not look into it.
    [[nodiscard]] std::vector<UniqueFd> listening_sockets() const;

private:
    struct Implementation;
    explicit ForeignProcess(std::shared_ptr<Implementation> implementation);
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
