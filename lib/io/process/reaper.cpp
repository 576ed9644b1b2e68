#include "io/process/reaper.hpp"

#include <sys/wait.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <unordered_map>

#include "io/clock.hpp"

namespace dpsup::io {
namespace {

constexpr int reaped_per_turn = 64;
constexpr int reaped_at_once = 4096;  // whoever forks as fast as we reap does not hold us up
// A launch may be under way for as long as the daemon runs; its child's end is asked for soon after it was seen.
constexpr std::size_t early_max = 1024;
constexpr auto early_kept = std::chrono::minutes(1);

core::Exited exited_from(const siginfo_t& info) {
    core::Exited exited;
    exited.kind = info.si_code == CLD_EXITED ? core::ExitKind::exited : core::ExitKind::signaled;
    exited.code = info.si_status;
    exited.core_dumped = info.si_code == CLD_DUMPED;
    return exited;
}

}  // namespace

struct Reaper::Implementation : std::enable_shared_from_this<Implementation> {
    Implementation(boost::asio::io_context& io, std::function<void(pid_t)> on_stranger)
        : context(io), signals(io, SIGCHLD), stranger(std::move(on_stranger)) {}

    void wait() {
        signals.async_wait([self = shared_from_this()](const boost::system::error_code& error, int) {
            if (error) return;
            self->wait();
            self->reap();
        });
    }

    // SIGCHLD is told once for many children: take all that have ended, and let the loop breathe between.
    void reap() {
        for (int count = 0; count < reaped_per_turn; ++count)
            if (!reap_one()) return;
        boost::asio::post(context, [self = shared_from_this()] { self->reap(); });
    }

    // False: nobody has ended, or nobody is to be reaped.
    bool reap_one() {
        siginfo_t info{};
        if (closed || held) return false;
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return false;
        tell(info);
        return true;
    }

    void tell(const siginfo_t& info) {
        const auto found = callbacks.find(info.si_pid);
        if (found == callbacks.end()) {
            if (expected > 0) remember(info);
            return stranger(info.si_pid);
        }
        const Callback callback = std::move(found->second.callback);
        callbacks.erase(found);
        callback(exited_from(info));
    }

    void remember(const siginfo_t& info) {
        const Instant time = now();
        if (early.size() >= early_max)
            std::erase_if(early, [time](const auto& entry) { return entry.second.at < time - early_kept; });
        early[info.si_pid] = {exited_from(info), time};
    }

    struct Watched {
        std::uint64_t number = 0;
        Callback callback;
    };
    struct Early {
        core::Exited exited;
        Instant at;
    };

    boost::asio::io_context& context;
    boost::asio::signal_set signals;
    std::function<void(pid_t)> stranger;
    std::unordered_map<pid_t, Watched> callbacks;
    std::uint64_t last_watch = 0;
    std::unordered_map<pid_t, Early> early;
    int expected = 0;
    bool held = false;
    bool closed = false;
};

Reaper::Reaper(boost::asio::io_context& context, std::function<void(pid_t)> stranger)
    : implementation_(std::make_shared<Implementation>(context, std::move(stranger))) {
    implementation_->wait();
    // Children may have ended before the signal was ours.
    boost::asio::post(context, [implementation = implementation_] { implementation->reap(); });
}

Reaper::~Reaper() {
    implementation_->closed = true;
    boost::system::error_code ignored;
    implementation_->signals.cancel(ignored);
    implementation_->callbacks.clear();
}

Reaper::Watch Reaper::watch(pid_t pid, Callback callback) {
    const Watch watch{pid, ++implementation_->last_watch};
    const auto ended = implementation_->early.find(pid);
    if (ended == implementation_->early.end()) {
        implementation_->callbacks[pid] = {watch.number, std::move(callback)};
        return watch;
    }
    boost::asio::post(implementation_->context,
                      [self = implementation_, told = std::move(callback), exited = ended->second.exited] {
                          if (!self->closed) told(exited);
                      });
    implementation_->early.erase(ended);
    return watch;
}

void Reaper::forget(Watch watch) {
    const auto found = implementation_->callbacks.find(watch.pid);
    if (found != implementation_->callbacks.end() && found->second.number == watch.number)
        implementation_->callbacks.erase(found);
}

void Reaper::hold() {
    implementation_->held = true;
}

void Reaper::reap_all() {
    const auto keep = implementation_;
    for (int count = 0; count < reaped_at_once && keep->reap_one(); ++count) {
    }
}

void Reaper::resume() {
    implementation_->held = false;
    boost::asio::post(implementation_->context, [self = implementation_] { self->reap(); });
}

bool Reaper::is_child(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void Reaper::born(pid_t pid, Instant since) {
    const auto found = implementation_->early.find(pid);
    if (found != implementation_->early.end() && found->second.at < since)
        implementation_->early.erase(found);
}

void Reaper::expect() {
    ++implementation_->expected;
}

void Reaper::unexpect() {
    if (--implementation_->expected == 0) implementation_->early.clear();
}

}  // namespace dpsup::io
