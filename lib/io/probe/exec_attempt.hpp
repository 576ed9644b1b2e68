// An exec probe: run a command by the injected launcher; exit 0 passes.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <utility>

#include "io/probe/attempt.hpp"
#include "io/probe/runner.hpp"

namespace dpsup::io {

using ProbeKey = std::pair<ServiceId, std::uint32_t>;

// What all exec probes share: the launcher, and the probes whose last command is not gone yet. A probe is never
// run beside itself, so that commands that cannot be killed do not pile up.
struct ExecTools {
    ExecRunner run;
    std::set<ProbeKey> alive;
};

// `began`: told when the command has been launched.
[[nodiscard]] std::shared_ptr<Attempt> exec_attempt(std::shared_ptr<ExecTools> tools, ProbeKey key,
                                                    ExecRequest request, std::function<void()> began,
                                                    Attempt::Done done);

}  // namespace dpsup::io
