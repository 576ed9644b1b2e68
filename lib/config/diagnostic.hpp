// What is wrong with a configuration, and where: one Diagnostic a finding, shown as compilers show theirs, so
// that editors can jump to it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/model.hpp"

namespace dpsup::config {

enum class Severity : std::uint8_t { error, warning };

// `message` says what is wrong; `hint` says what to do, and may be empty.
struct Diagnostic {
    Place place;
    Severity severity = Severity::error;
    std::string message;
    std::string hint;
};

// "file:line:column: error: message", and where there is a hint a second line, "    hint: ...". No newline at
// the end.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

// One after the other, each with a newline at its end.
[[nodiscard]] std::string render(std::span<const Diagnostic> diagnostics);

[[nodiscard]] bool has_errors(std::span<const Diagnostic> diagnostics);

}  // namespace dpsup::config
