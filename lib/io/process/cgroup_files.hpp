// Reading and writing the little files of cgroup v2.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dpsup::io::cgroup {

// 0, or the errno.
[[nodiscard]] int write_file(const std::string& path, std::string_view text);

// Empty where it cannot be read. Not much more than 64 KiB.
[[nodiscard]] std::string read_file(const std::string& path);

// "oom_kill 3" in a file of such lines -> 3; 0 where there is none.
[[nodiscard]] std::uint64_t value_of(std::string_view text, std::string_view key);

// Whether any process lives in the cgroup or below. A cgroup that is not there has none; one that cannot
// be looked at may have some.
[[nodiscard]] bool populated(const std::string& directory);

// The processes in the cgroup and below it.
[[nodiscard]] std::vector<pid_t> processes(const std::string& directory);

// Removes the cgroup and those below it. 0, or the errno: EBUSY while something lives there.
[[nodiscard]] int remove_tree(const std::string& directory);

[[nodiscard]] std::vector<std::string> children_of(const std::string& directory);

// Whether the words of `text` ("cpu io memory") include `word`.
[[nodiscard]] bool has_word(std::string_view text, std::string_view word);

}  // namespace dpsup::io::cgroup
