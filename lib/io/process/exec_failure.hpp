// Says what execve's errno does not: "No such file" of a file that is there means that its interpreter is
// missing.
#pragma once

#include <string>

namespace dpsup::io {

// `path`: what was exec'd; `directory`: where, if path is relative. The object of the failure, and what about
// it.
[[nodiscard]] std::string explain_exec_failure(const std::string& path, const std::string& directory,
                                               int error_number);

// The file that `command` names in `search_path` (PATH's form), or empty. With a slash it is taken as it
// stands.
[[nodiscard]] std::string find_program(const std::string& command, const std::string& search_path);

}  // namespace dpsup::io
