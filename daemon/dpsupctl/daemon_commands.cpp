// The commands that are about the daemon itself.
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <thread>

#include "base/units.hpp"
#include "dpsupctl/asking.hpp"
#include "dpsupctl/commands.hpp"
#include "dpsupctl/view.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::ctl {
namespace {

// systemd has its own work to do after the daemon's.
constexpr Duration slack = std::chrono::seconds(10);
constexpr Duration look_interval = std::chrono::milliseconds(50);

Error still_there(const DaemonStopView& stop, Duration waited) {
    return {"timeout",
            "dpsupd (pid " + std::to_string(stop.pid) + ") has not ended within " +
                format_duration_rounded(waited),
            "see what it waits for: systemctl status dpsupd, dpsupctl status"};
}

// Nothing where it has ended, or is in a world of its own where the number means another process.
io::UniqueFd open_daemon(std::int64_t pid) {
    io::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U)));
    std::string program;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), program);
    return program == "dpsupd" ? std::move(process) : io::UniqueFd();
}

// By its process, or by its socket, which it removes last of all.
bool has_ended(const io::UniqueFd& process, const std::string& socket) {
    if (!process) {
        struct stat about{};
        return ::stat(socket.c_str(), &about) != 0;
    }
    pollfd end{process.get(), POLLIN, 0};
    return ::poll(&end, 1, 0) > 0;
}

bool ends_in_time(const std::string& socket, const DaemonStopView& stop, Duration limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    const io::UniqueFd process = open_daemon(stop.pid);
    while (!has_ended(process, socket)) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(look_interval);
    }
    return true;
}

std::string told(const DaemonStopView& stop) {
    const std::string daemon = "dpsupd (pid " + std::to_string(stop.pid) + ") has ended";
    return daemon + (stop.leave_services
                         ? "; its services go on, and the dpsupd that is started next takes them over\n"
                         : ", and all services have stopped\n");
}

}  // namespace

Exit run_daemon_stop(const Options& options) {
    boost::json::object body;
    if (options.leave_services) body["leave_services"] = true;
    const auto reply =
        ask(options, {.method = "POST", .target = "/v1/daemon/stop", .body = boost::json::serialize(body)});
    if (!reply) return report(reply.error(), options.json);
    const auto stop = read_daemon_stop(*reply);
    if (!stop) return report(stop.error(), options.json);
    const Duration limit = stop->within + slack;
    if (!ends_in_time(options.socket, *stop, limit)) return report(still_there(*stop, limit), options.json);
    return print_or_report(options.json ? *reply : told(*stop));
}

}  // namespace dpsup::ctl
