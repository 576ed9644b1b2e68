// What the tests of the configuration share: loading a text, and looking at what was found.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace dpsup::config {

using Variables = std::map<std::string, std::string, std::less<>>;

inline Environment environment_of(Variables variables) {
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

inline LoadOutcome load_text(const std::string& text, Variables variables = {}) {
    const std::vector<Source> sources{{"dpsup.toml", text}};
    return load_sources(sources, environment_of(std::move(variables)));
}

// A service named "x" that is valid by itself, with more keys.
inline std::string service(const std::string& keys) {
    return "[service.x]\ncommand = [\"/bin/x\"]\n" + keys + "\n";
}

// The one service of a text that must be right.
inline Service loaded_service(const std::string& keys, Variables variables = {}) {
    const LoadOutcome outcome = load_text(service(keys), std::move(variables));
    if (!outcome.config) throw std::runtime_error(keys + "\n" + render(outcome.diagnostics));
    return outcome.config->services.at(0);
}

// All that was found, rendered.
inline std::string findings(const std::string& text, Variables variables = {}) {
    return render(load_text(text, std::move(variables)).diagnostics);
}

}  // namespace dpsup::config
