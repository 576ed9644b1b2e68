#include "core/lifecycle/end.hpp"

namespace dpsup::core {
namespace {

using Services = EndVerdict::Services;

// systemd shows the job of `systemctl restart` as this until the unit is down, and only then as "start". A start that
// waits for the unit to be down means the same: somebody wants dpsupd to run.
bool comes_back(const std::string& job) {
    return job == "restart" || job == "try-restart" || job == "start";
}

}  // namespace

EndVerdict judge_end(bool started_by_systemd, const std::optional<UnitAnswer>& answer, bool leave_asked) {
    if (!started_by_systemd) return {Services::stop, true, "asked to end"};
    if (!answer) return {Services::leave, false, "systemd did not tell why dpsupd is to end"};
    if (!answer->ours) return {Services::stop, true, "asked to end"};
    if (answer->manager_state == "stopping") return {Services::stop, true, "the system goes down"};
    if (answer->job == "stop" && leave_asked)
        return {Services::leave, true,
                "systemd stops dpsupd, as dpsupctl daemon stop --leave-services asked"};
    if (answer->job == "stop") return {Services::stop, true, "systemd stops dpsupd"};
    if (comes_back(answer->job)) return {Services::leave, true, "systemd restarts dpsupd"};
    if (answer->job.empty())
        return {Services::leave, false, "systemd has no job for dpsupd: the signal came from somebody else"};
    return {Services::leave, false, "systemd's job for dpsupd is \"" + answer->job + "\""};
}

}  // namespace dpsup::core
