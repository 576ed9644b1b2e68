// Small files, whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dpsup::test {

// Empty where there is no such file.
[[nodiscard]] std::string read_file(const std::string& path);
// Replaces the file; throws std::runtime_error where it cannot.
void write_file(const std::string& path, std::string_view text, unsigned mode = 0644);
void append_file(const std::string& path, std::string_view text);

[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
[[nodiscard]] std::string replaced(std::string text, std::string_view from, std::string_view to);
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view word);

// Every regular file below `directory` whose content holds `word`.
[[nodiscard]] std::vector<std::string> files_with(const std::string& directory, std::string_view word);

// Whether somebody holds the flock of the file: a process that took it, or any of its descendants.
[[nodiscard]] bool is_locked(const std::string& path);

}  // namespace dpsup::test
