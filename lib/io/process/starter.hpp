// Prepares the launch of one process as a service's configuration says: with which environment and output, in
// which tree. What fails comes back as a stage.
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
        : paths_(std::move(paths)), defaults_(std::move(defaults)) {}

    struct Service {
        LaunchJob job;
        std::string log_path;  // empty: its output is no file
    };
    // `extra` beats everything else in the environment.
    [[nodiscard]] Staged<Service> prepare_service(ProcessTree& tree, const config::Service& service,
                                                  std::shared_ptr<const Identity> identity,
                                                  const ExtraVariables& extra, PassedSockets sockets);

    // Another command with everything of the service but its output.
    [[nodiscard]] Staged<LaunchJob> prepare_command(ProcessTree& tree, const std::string& leaf,
                                                    const config::Service& service,
                                                    std::shared_ptr<const Identity> identity,
                                                    const std::vector<std::string>& command,
                                                    const ExtraVariables& extra, UniqueFd output);

    [[nodiscard]] const std::string& instance() const { return defaults_.instance; }
    [[nodiscard]] const OutputPaths& paths() const { return paths_; }
    [[nodiscard]] const LaunchDefaults& defaults() const { return defaults_; }

private:
    struct Wanted;
    [[nodiscard]] Staged<LaunchJob> prepare(ProcessTree& tree, const Wanted& wanted, UniqueFd output);

    OutputPaths paths_;
    LaunchDefaults defaults_;
};

}  // namespace dpsup::io
