// The one place that waits for children. Every child of the daemon ends up here, also the orphans that the
// kernel hands to us as a subreaper; so nobody else may wait, and no process needs a descriptor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.hpp"
#include "core/supervise/event.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

class Reaper {
public:
    using Callback = std::function<void(const core::Exited&)>;

    // Takes SIGCHLD over. `stranger` is told of children that nobody watched.
    Reaper(boost::asio::io_context& context, std::function<void(pid_t)> stranger);
    ~Reaper();
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;

    // Calls back once, from the loop, when the child ends. Harmless for a process that is no child of ours:
    // it is heard of if it becomes one. A later watch of the same number takes the place of an earlier one.
    struct Watch {
        pid_t pid = 0;
        std::uint64_t number = 0;
    };
    Watch watch(pid_t pid, Callback callback);
    // Nothing happens where it has been told, or the number is another's by now who is watched in its place.
    void forget(Watch watch);
    // Whether it is a child of ours that nobody has reaped: then its number is no other's.
    [[nodiscard]] static bool is_child(pid_t pid);

    // Tells of all who have ended, at once.
    void reap_all();

    // Reaps nobody until resume(): whoever ends meanwhile waits, with how it ended, for us or for the program that takes
    // our place by an exec.
    void hold();
    void resume();

    // A launch is under way in another thread, whose child may end before its number is known here: until unexpect()
    // the ends of unknown children are remembered for watch(), but for those that `born` says are another's.
    void expect();
    void unexpect();
    // The child was born after `since`: what ended before was an earlier process of that number.
    void born(pid_t pid, Instant since);

private:
    struct Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace dpsup::io
