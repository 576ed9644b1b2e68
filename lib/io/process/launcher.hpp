// Launches a plan with Boost.Process, through a launcher of our own: Boost's vfork launcher tells asio in the
// child that it was forked, and so breaks the epoll set of the parent, whose memory that is; its default
// launcher copies the daemon's page tables for each service, and needs a pipe to hear of failures.
#pragma once

#include <sys/types.h>

#include "io/process/child_under_way.hpp"
#include "io/process/clone.hpp"
#include "io/process/launch_plan.hpp"
#include "io/process/stage.hpp"

namespace dpsup::io {

class Launcher {
public:
    // `under_way` names the child while launch() waits for it.
    explicit Launcher(ChildUnderWay& under_way) : under_way_(under_way) {}

    // The pid of a child that has exec'd; it is the caller's to reap. Or the stage that failed, and nothing
    // runs.
    // Blocks until then. To be called in one thread at a time, and not in that which must answer others.
    [[nodiscard]] Staged<pid_t> launch(LaunchPlan& plan);

    // From now on children enter their cgroup by writing to cgroup.procs: slower, but every kernel can do it.
    void place_by_writing() { place_by_writing_ = true; }
    [[nodiscard]] bool places_by_writing() const { return place_by_writing_; }

private:
    ChildUnderWay& under_way_;
    ChildStack stack_;
    bool place_by_writing_ = false;
};

}  // namespace dpsup::io
