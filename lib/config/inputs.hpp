// The files that services read: their digests, taken when a configuration is loaded.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/model.hpp"

namespace dpsup::config {

// FNV-1a, never 0. It only has to tell apart what somebody edited; nobody gains by a collision.
[[nodiscard]] std::uint64_t digest_of(std::string_view content);

// Fills in Service::inputs. A file that cannot be read is a warning: a job may be about to write it.
void digest_inputs(Config& config, std::vector<Diagnostic>& diagnostics);

}  // namespace dpsup::config
