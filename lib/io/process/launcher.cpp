#include "io/process/launcher.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Boost 1.81's launcher uses this without including it.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/process/v2/posix/default_launcher.hpp>
#include <cerrno>

#include "io/process/exec_failure.hpp"

namespace dpsup::io {
namespace {

namespace process = boost::process::v2;
using boost::system::error_code;

error_code system_error_of(int number) {
    return {number, boost::system::system_category()};
}

// The part that runs in the child, as Boost.Process calls it.
struct ChildSetup {
    ChildPlan& plan;

    template <class Launcher, class Path>
    error_code on_exec_setup(Launcher&, const Path&, const char* const*&) const noexcept {
        return set_up_child(plan) ? error_code() : system_error_of(plan.failed_errno);
    }
};

// Changing ids in the child clears the mark "may be dumped" of the memory that it shares with us: keep ours.
class DumpableKept {
public:
    explicit DumpableKept(bool needed) : before_(needed ? ::prctl(PR_GET_DUMPABLE) : -1) {}
    ~DumpableKept() {
        if (before_ == 1) ::prctl(PR_SET_DUMPABLE, 1);
    }
    DumpableKept(const DumpableKept&) = delete;
    DumpableKept& operator=(const DumpableKept&) = delete;

private:
    int before_;
};

// A Boost.Process launcher that shares memory with its child until exec, and lets it be born in its cgroup. It gives
// no handle but the pid: we wait ourselves, in one place for all children, and who holds a handle may wait or kill.
class CloneLauncher : public process::posix::default_launcher {
public:
    CloneLauncher(ChildStack& stack, ChildUnderWay& under_way, LaunchPlan& plan, bool& place_by_writing)
        : stack_(stack), under_way_(under_way), plan_(plan), place_by_writing_(place_by_writing) {}

    template <class... Inits>
    error_code operator()(const process::filesystem::path& executable, Inits&&... inits) {
        const char* const* arguments = plan_.child.arguments;
        auto in_child = [&]() noexcept {
            if (process::posix::detail::on_exec_setup(*this, executable, arguments, inits...)) return 127;
            plan_.child.reached_exec = true;
            ::syscall(SYS_execve, plan_.child.path, arguments, plan_.child.environment);
            plan_.child.failed_errno = errno;
            plan_.child.failed_stage = ChildStage::exec;
            return 127;
        };
        clone(in_child);
        if (pid < 0) return system_error_of(clone_error_);
        if (plan_.child.failed_errno == 0 && plan_.child.reached_exec) return {};
        wait_for_its_end();
        return system_error_of(plan_.child.failed_errno != 0 ? plan_.child.failed_errno : ECANCELED);
    }

private:
    template <class Function>
    void clone(Function& in_child) {
        const auto call = [](void* function) -> int { return (*static_cast<Function*>(function))(); };
        const DumpableKept dumpable(plan_.child.set_ids);
        CloneResult result;
        if (plan_.cgroup && !place_by_writing_) {
            result = clone_child(stack_, plan_.cgroup.get(), call, &in_child, under_way_.place());
            pid = result.pid;
            under_way_.over();
            place_by_writing_ = pid < 0 ? cannot_place(result.error_number) : was_killed_at_birth();
        }
        if (!plan_.cgroup || place_by_writing_) {
            if (plan_.cgroup) plan_.child.cgroup_procs = plan_.cgroup_procs.c_str();
            result = clone_child(stack_, -1, call, &in_child, under_way_.place());
        }
        under_way_.over();
        pid = result.pid;
        clone_error_ = result.error_number;
    }

    static bool cannot_place(int error) {
        return error == ENOSYS || error == EPERM || error == EINVAL || error == E2BIG;
    }

    // Linux since 6.14 kills a child that is born into a cgroup which has seen cgroup.kill more, or less,
    // often than the cgroup of its parent. The tree sees to it that its own have seen none; of ours we cannot
    // know.
    bool was_killed_at_birth() {
        if (plan_.child.born) return false;
        wait_for_its_end();
        return true;
    }

    // Until it has left its cgroup. To reap it is the reaper's business.
    void wait_for_its_end() const {
        siginfo_t info{};
        while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
        }
    }

    ChildStack& stack_;
    ChildUnderWay& under_way_;
    LaunchPlan& plan_;
    bool& place_by_writing_;
    int clone_error_ = 0;
};

std::string detail_of(const LaunchPlan& plan) {
    const auto& child = plan.child;
    switch (child.failed_stage) {
        case ChildStage::exec:
            return explain_exec_failure(plan.path(), plan.directory(), child.failed_errno);
        case ChildStage::working_dir:
            return plan.directory();
        case ChildStage::cgroup:
            return plan.cgroup_procs;
        case ChildStage::rlimit:
            return plan.failed_rlimit();
        case ChildStage::nice:
            return std::to_string(child.nice);
        case ChildStage::oom_score_adj:
            return child.oom_score_adj;
        case ChildStage::user:
            return plan.identity().name;
        case ChildStage::group:
            return std::to_string(child.gid);
        case ChildStage::groups:
            return "the supplementary groups of " + plan.identity().name;
        case ChildStage::none:
        case ChildStage::session:
        case ChildStage::output:
        case ChildStage::sockets:
        case ChildStage::capabilities:
        case ChildStage::no_new_privs:
            return {};
    }
    return {};
}

}  // namespace

Staged<pid_t> Launcher::launch(LaunchPlan& plan) {
    CloneLauncher launcher(stack_, under_way_, plan, place_by_writing_);
    const error_code error = launcher(plan.path(), ChildSetup{plan.child});
    if (!error) return launcher.pid;
    if (plan.child.failed_stage != ChildStage::none)
        return stage_failed(std::string(to_string(plan.child.failed_stage)), error.value(), detail_of(plan));
    if (launcher.pid < 0) return stage_failed("fork", error.value(), "");
    return stage_failed(
        "exec", 0,
        plan.path() + ": the process was killed before it could be executed, or took too long to get there");
}

}  // namespace dpsup::io
