// The files that services read: their digests, taken when a configuration is loaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/model.hpp"

namespace dpsup::config {

// FNV-1a, never 0. It only has to tell apart what somebody edited; nobody gains by a collision.
[[nodiscard]] std::uint64_t digest_of(std::string_view content);

// Of a file that did not answer: it is taken for unchanged.
inline constexpr std::uint64_t unknown_digest = ~std::uint64_t{0};

// By path; 0: could not be read.
using InputDigests = std::map<std::string, std::uint64_t>;

// Fills in Service::inputs, and returns what the files' digests are. A file that cannot be read is a warning: a job may
// be about to write it.
InputDigests digest_inputs(Config& config, std::vector<Diagnostic>& diagnostics);

// Takes the digest of a file that did not answer from before, where it was known then.
void keep_known_digests(InputDigests& digests, const Config& before);

// Fills in Service::inputs by the digests of an earlier time, and reads no file.
void take_digests(Config& config, const InputDigests& digests);

}  // namespace dpsup::config
