// Commands that wait (`--wait`): stored targets, answered by a later transition or by their time-out. The
// asker does not poll, and neither do we.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/supervise/supervisor.hpp"
#include "core/supervise/target.hpp"

namespace dpsup {

class Waits {
public:
    enum class End : std::uint8_t {
        reached_or_missed,  // no target is pending any more
        timed_out,
        shutting_down,  // dpsupd starts nothing any more, and something was to be started
        reexecuting,    // what was commanded goes on, but nobody will know who asked
    };
    // Called once.
    using Done = std::function<void(End end)>;

    Waits(boost::asio::io_context& context, const core::Supervisor& supervisor)
        : context_(context), supervisor_(supervisor) {}

    // `alive`: an asker that has gone frees its place.
    void add(std::vector<core::Target> targets, Duration timeout, std::weak_ptr<void> alive, Done done);

    // After a step in which something moved.
    void look();

    // From now on, until reopen(), nobody waits.
    void close();
    void reopen() { closed_ = false; }

private:
    struct Wait {
        std::vector<core::Target> targets;
        std::weak_ptr<void> alive;
        Done done;
        boost::asio::steady_timer timer;
    };

    // Nothing: it goes on.
    [[nodiscard]] std::optional<End> end_of(const Wait& wait) const;

    boost::asio::io_context& context_;
    const core::Supervisor& supervisor_;
    std::map<std::uint64_t, Wait> waits_;  // by number, in the order of their asking
    std::uint64_t last_ = 0;
    bool closed_ = false;
};

}  // namespace dpsup
