// Any text at all must be read into a configuration or refused with an error that has a message, within
// bounds. What is accepted must be in dependency order and must equal itself. A line "---" splits the text
// into two files, so that merging is reached too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/difference.hpp"
#include "config/load.hpp"

namespace {

using namespace dpsup::config;

void require(bool holds) {
    if (!holds) std::abort();
}

std::optional<std::string> variable(std::string_view name) {
    if (name.starts_with('U')) return std::nullopt;
    if (name.starts_with('E')) return "";
    if (name.starts_with('N')) return "42";
    return "$A ${B} \"'" + std::string(name);
}

std::vector<Source> split(const std::string& text) {
    constexpr std::string_view separator = "\n---\n";
    const std::size_t at = text.find(separator);
    if (at == std::string::npos) return {{"dpsup.toml", text}};
    return {{"dpsup.toml", text.substr(0, at)}, {"conf.d/1.toml", text.substr(at + separator.size())}};
}

void check_order(const Config& config) {
    std::unordered_set<std::string> seen;
    for (const Service& service : config.services) {
        require(service.policy.probes.size() == service.targets.size());
        require(!service.process.command.empty() && !service.process.command.front().empty());
        for (const auto& dependency : service.policy.depends_on) require(seen.contains(dependency.service));
        require(seen.insert(service.name).second);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<Source> sources = split(std::string(reinterpret_cast<const char*>(data), size));
    const LoadOutcome outcome = load_sources(sources, variable);
    require(outcome.config.has_value() != has_errors(outcome.diagnostics));
    require(outcome.diagnostics.size() <= 601);
    for (const Diagnostic& diagnostic : outcome.diagnostics)
        require(!diagnostic.message.empty() && !render(diagnostic).empty());
    if (!outcome.config) return 0;
    check_order(*outcome.config);
    const Difference none = difference(*outcome.config, *outcome.config);
    require(none.operations.empty() && none.settings.empty() && none.warnings.empty());
    require(difference(Config{}, *outcome.config).operations.size() == outcome.config->services.size());
    return 0;
}
