// Documents that are generated from the table of keys. A test checks that the files in config/ are up to
// date.
#pragma once

#include <string>

namespace dpsup::config {

// config/dpsup.toml: every key, commented out, with what it means.
[[nodiscard]] std::string render_commented_config();

// The reference of keys in config/README.md: one Markdown table a section.
[[nodiscard]] std::string render_reference();

}  // namespace dpsup::config
