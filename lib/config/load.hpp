// From files to one checked Config, or to all that is wrong with them. Nothing here is remembered between
// calls, and a configuration with an error yields no Config: what runs goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/interpolate.hpp"
#include "config/model.hpp"

namespace dpsup::config {

inline constexpr std::size_t services_max = 10'000;

// One file's name and text.
struct Source {
    std::string name;
    std::string text;
    bool operator==(const Source&) const = default;
};

// All that a configuration was made of, so that it can be made again when the files say something else by then.
struct Origin {
    std::vector<Source> sources;
    std::map<std::string, std::optional<std::string>> variables;  // those that were asked for
    std::map<std::string, std::uint64_t> inputs;                  // digests of the services' files, by path
    bool operator==(const Origin&) const = default;
};

struct LoadOutcome {
    std::optional<Config> config;         // there is one exactly if no diagnostic is an error
    std::vector<Diagnostic> diagnostics;  // by file, line and column; warnings too
    Origin origin;                        // of `config`
};

struct LoadOptions {
    // Read the services' env_file, secrets and config_files too, so that `plan` sees changes in them.
    bool digest_inputs = true;
};

// Reads the main file and conf.d/*.toml beside it, in name order. Blocks on the file system.
[[nodiscard]] LoadOutcome load(const std::filesystem::path& main_file, const Environment& environment,
                               const LoadOptions& options = {});

// The same configuration once more, whatever the files hold now.
[[nodiscard]] LoadOutcome load_again(Origin origin);

// The same without a file system: pure. The host's name stays empty where it is not configured, and so does the origin.
[[nodiscard]] LoadOutcome load_sources(std::span<const Source> sources, const Environment& environment);

// This process's environment.
[[nodiscard]] Environment process_environment();

}  // namespace dpsup::config
