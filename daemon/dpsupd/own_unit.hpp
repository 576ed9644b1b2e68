// Our own unit, asked about without holding the loop up: a bus may hang, so systemd is asked in a thread, and whoever
// waits is answered in time whatever becomes of that.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/lifecycle/end.hpp"
#include "io/workers.hpp"

namespace dpsup {

class OwnUnit {
public:
    explicit OwnUnit(boost::asio::io_context& context) : context_(context), workers_(context, threads_max) {}

    // Calls back once, on the loop. Fails with io::systemd_no_answer where none comes in time: two seconds.
    void ask(std::function<void(const Result<core::UnitAnswer>&)> answered);
    // Has systemd stop it, with its sockets: ten seconds. False: it is none of systemd's.
    void stop(std::function<void(const Result<bool>&)> answered);

private:
    // One that hangs must not keep the next from being asked.
    static constexpr std::size_t threads_max = 3;

    template <class Value>
    void in_time(Duration patience, std::function<Result<Value>()> ask,
                 std::function<void(const Result<Value>&)> answered);

    boost::asio::io_context& context_;
    io::Workers workers_;
};

}  // namespace dpsup
