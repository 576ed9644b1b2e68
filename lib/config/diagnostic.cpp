#include "config/diagnostic.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace dpsup::config {

std::string render(const Diagnostic& diagnostic) {
    std::string text;
    if (!diagnostic.place.file.empty()) {
        text = escaped(diagnostic.place.file);
        if (diagnostic.place.line > 0)
            text +=
                ":" + std::to_string(diagnostic.place.line) + ":" + std::to_string(diagnostic.place.column);
        text += ": ";
    }
    text += diagnostic.severity == Severity::error ? "error: " : "warning: ";
    text += escaped(diagnostic.message);
    if (!diagnostic.hint.empty()) text += "\n    hint: " + escaped(diagnostic.hint);
    return text;
}

std::string render(std::span<const Diagnostic> diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic) + "\n";
    return text;
}

bool has_errors(std::span<const Diagnostic> diagnostics) {
    return std::ranges::any_of(diagnostics,
                               [](const Diagnostic& d) { return d.severity == Severity::error; });
}

}  // namespace dpsup::config
