// The environment of a service: clean, never the daemon's own. A base from its user, then env_file, then
// `environment`, then what the daemon tells it. Secrets are read here, at launch, and live in the result
// only.
#pragma once

#include <string>
#include <vector>

#include "config/model.hpp"
#include "io/process/env_file.hpp"
#include "io/process/identity.hpp"
#include "io/process/stage.hpp"

namespace dpsup::io {

// Stages "env_file" and "secret". The detail names the file, never what is in it.
[[nodiscard]] Staged<Variables> build_environment(const config::Process& process, const Identity& identity);

// "NAME=value" each, for exec.
[[nodiscard]] std::vector<std::string> flatten(Variables variables);

}  // namespace dpsup::io
