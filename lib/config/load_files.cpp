#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "config/inputs.hpp"
#include "config/load.hpp"
#include "config/read_file.hpp"
#include "config/toml_reader.hpp"

namespace dpsup::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_max = 1000;

Diagnostic error_about(const fs::path& file, Error error) {
    return {{file.string()}, Severity::error, std::move(error.message), std::move(error.hint)};
}

// conf.d/*.toml in name order; hidden files are editors' leavings.
Result<std::vector<fs::path>> further_files(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::path> files;
    fs::directory_iterator entries(folder, error);
    if (error == std::errc::no_such_file_or_directory) return files;
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const fs::path& path = entries->path();
        if (path.extension() == ".toml" && !path.filename().string().starts_with('.')) files.push_back(path);
        if (files.size() > files_max) return fail("too_many_files", "holds more than 1000 files");
    }
    if (error) return fail("unreadable", "cannot be listed: " + error.message());
    std::ranges::sort(files);
    return files;
}

std::string hint_about(const std::string& code) {
    if (code == "missing") return "name another file, or write this one";
    if (code == "not_allowed") return "use sudo, or give its reader the right to read it";
    if (code == "directory") return "name the file in it, such as dpsup.toml";
    if (code == "not_a_file") return "the configuration must be a plain file";
    if (code == "too_large") return "split it into several files in conf.d";
    return {};
}

void read_source(const fs::path& file, std::vector<Source>& sources, std::vector<Diagnostic>& problems) {
    auto text = read_file(file.string(), file_size_max);
    if (!text) {
        problems.push_back(error_about(file, {"", text.error().message, hint_about(text.error().code)}));
        return;
    }
    sources.push_back({file.string(), std::move(*text)});
}

std::string host_name() {
    std::array<char, 256> buffer{};
    if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
    return buffer.data();
}

LoadOutcome load_files(const fs::path& main_file, const Environment& environment,
                       const LoadOptions& options) {
    std::vector<Source> sources;
    LoadOutcome outcome;
    if (main_file.empty()) {
        outcome.diagnostics.push_back(
            error_about({}, {"", "the configuration file's path is empty", "name a file"}));
        return outcome;
    }
    read_source(main_file, sources, outcome.diagnostics);
    if (!outcome.diagnostics.empty()) return outcome;
    const fs::path folder = main_file.parent_path() / "conf.d";
    if (auto files = further_files(folder))
        for (const fs::path& file : *files) read_source(file, sources, outcome.diagnostics);
    else
        outcome.diagnostics.push_back(error_about(folder, files.error()));
    if (!outcome.diagnostics.empty()) return outcome;
    Origin origin;
    origin.sources = std::move(sources);
    const Environment noting = [&](std::string_view name) {
        return origin.variables.insert_or_assign(std::string(name), environment(name)).first->second;
    };
    outcome = load_sources(origin.sources, noting);
    if (!outcome.config) return outcome;
    if (outcome.config->host.name.empty()) outcome.config->host.name = host_name();
    if (options.digest_inputs) origin.inputs = digest_inputs(*outcome.config, outcome.diagnostics);
    outcome.origin = std::move(origin);
    return outcome;
}

LoadOutcome load_origin(Origin origin) {
    const Environment noted = [&origin](std::string_view name) -> std::optional<std::string> {
        const auto variable = origin.variables.find(std::string(name));
        return variable == origin.variables.end() ? std::nullopt : variable->second;
    };
    LoadOutcome outcome = load_sources(origin.sources, noted);
    if (!outcome.config) return outcome;
    if (outcome.config->host.name.empty()) outcome.config->host.name = host_name();
    take_digests(*outcome.config, origin.inputs);
    outcome.origin = std::move(origin);
    return outcome;
}

}  // namespace

LoadOutcome load(const fs::path& main_file, const Environment& environment, const LoadOptions& options) {
    LoadOutcome outcome = load_files(main_file, environment, options);
    // The texts and trees were several times the size of what is kept, and the daemon stays small.
    malloc_trim(0);
    return outcome;
}

LoadOutcome load_again(Origin origin) {
    LoadOutcome outcome = load_origin(std::move(origin));
    malloc_trim(0);
    return outcome;
}

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
}

}  // namespace dpsup::config
