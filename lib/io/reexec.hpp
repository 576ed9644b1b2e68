// Another program in place of this one, in the same process (execve): what the one tells the other, beside descriptors
// (systemd/descriptor_store.hpp), and how it is done. The process keeps its number, its children and its signal mask.
#pragma once

#include <sys/resource.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace dpsup::io {

struct Handover {
    rlimit64 nofile{};  // with which the daemon was started; it may have raised its own since
    Instant since;      // since when nobody supervises
};

// What an earlier program in this process has left in the environment, which is told here once. Nothing: there was none.
[[nodiscard]] std::optional<Handover> take_handover();

// How this program was started: by which path, where that still leads to it at the start; else the path of the file that
// runs. Absolute; for the start of main().
[[nodiscard]] std::string own_program_path();

// Does not come back where it succeeds: then all other threads are gone, and of the descriptors those that
// `keep_descriptors` has opened are left. Else it changes nothing, and returns errno.
[[nodiscard]] int execute(const std::string& program, const std::vector<std::string>& arguments,
                          const Handover& handover, const std::function<void()>& keep_descriptors);

}  // namespace dpsup::io
