// What a signal to end means for the services. systemd sends the same SIGTERM to stop dpsupd and to restart it, and
// somebody may send one by hand; only the job that systemd has for the unit tells which it is.
//
//   not started by systemd           stop the services: whoever sent it ends the whole
//   the system goes down, job stop   stop the services
//   job stop that dpsupctl daemon stop --leave-services asked for
//                                    leave them
//   job restart                      leave them: the next dpsupd takes them over
//   no job, no answer, another job   leave them, and say what to do: a mistake must cost no service
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dpsup::core {

// What systemd said of the unit when it was asked.
struct UnitAnswer {
    bool ours = false;          // this process is the main process of a unit
    std::string job;            // under way or waiting for the unit: "stop", "restart"; empty: none
    std::string manager_state;  // "running", "degraded", "stopping"

    bool operator==(const UnitAnswer&) const = default;
};

struct EndVerdict {
    enum class Services : std::uint8_t { stop, leave };
    Services services = Services::leave;
    bool clear = false;  // nobody has to be told what to do
    std::string reason;  // "systemd restarts dpsupd"

    bool operator==(const EndVerdict&) const = default;
};

// `answer`: none where systemd gave none in time. `leave_asked`: systemd was asked to stop dpsupd and to leave the services.
[[nodiscard]] EndVerdict judge_end(bool started_by_systemd, const std::optional<UnitAnswer>& answer,
                                   bool leave_asked);

}  // namespace dpsup::core
