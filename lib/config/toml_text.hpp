// Values as TOML writes them: for the generated documents, and for the plan's "before -> after".
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dpsup::config {

// "text", escaped as a basic string.
[[nodiscard]] std::string toml_string(std::string_view text);
// The shortest form that reads back as the same number: "1.5", "100".
[[nodiscard]] std::string toml_number(double number);
// ["a", "b"]
[[nodiscard]] std::string toml_strings(std::span<const std::string> texts);

}  // namespace dpsup::config
