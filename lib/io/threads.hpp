// What the kernel tells of this process' threads: of those that were left to themselves in a call that does not return.
#pragma once

#include <string>

namespace dpsup::io {

// Whether this is the only thread; what has just been joined gets a moment to vanish. Where it is not, the program must
// end by std::quick_exit(): destructors and libraries, at exit(), take from under the others what they use.
[[nodiscard]] bool is_only_thread();

// Where another thread waits in the kernel so that not even its death can end that: the name of what it waits in, as in
// proc(5), wchan. An execve(2) would wait for it, too. Empty: none does.
[[nodiscard]] std::string unkillable_wait();

}  // namespace dpsup::io
