// Prepares the launch of one process as a service's configuration says: with which environment and output, in
// which tree. What fails comes back as a stage. Files that the configuration names are not touched here, but in the
// launching thread: they may lie where nobody answers.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "io/journal/output.hpp"
#include "io/process/identity.hpp"
#include "io/process/launch_plan.hpp"
#include "io/process/launch_worker.hpp"
#include "io/process/process_tree.hpp"

namespace dpsup::io {

using ExtraVariables = std::vector<std::pair<std::string, std::string>>;

class Starter {
public:
    Starter(OutputPaths paths, LaunchDefaults defaults)
        : paths_(std::move(paths)), defaults_(std::make_shared<const LaunchDefaults>(std::move(defaults))) {}

    using ServiceConfig = std::shared_ptr<const config::Service>;

    // `extra` beats everything else in the environment. Sockets that lie in the file system become the user's.
    [[nodiscard]] Staged<LaunchJob> prepare_service(ProcessTree& tree, const ServiceConfig& service,
                                                    std::shared_ptr<const Identity> identity,
                                                    ExtraVariables extra, PassedSockets sockets) const;

    // Another command with everything of the service but its output.
    [[nodiscard]] Staged<LaunchJob> prepare_command(ProcessTree& tree, const std::string& leaf,
                                                    const ServiceConfig& service,
                                                    std::shared_ptr<const Identity> identity,
                                                    std::vector<std::string> command, ExtraVariables extra,
                                                    UniqueFd output) const;

    [[nodiscard]] const std::string& instance() const { return defaults_->instance; }
    [[nodiscard]] const OutputPaths& paths() const { return paths_; }
    [[nodiscard]] const LaunchDefaults& defaults() const { return *defaults_; }

private:
    OutputPaths paths_;
    std::shared_ptr<const LaunchDefaults> defaults_;  // shared with launches that outlive us
};

}  // namespace dpsup::io
