// Calls on a path whose file system may not answer, as NFS without its server: whoever waits in one can be neither
// interrupted nor killed.
#pragma once

#include <functional>
#include <string>

#include "base/time.hpp"

namespace dpsup {

struct Patience {
    Duration limit;
    Duration
        limit_while_silent;  // while any other folder is silent: perhaps it is the same, and there are many of them
};

// Makes the call in a thread, with all signals blocked, and waits for it within the patience. False where it has not come
// back by then, and at once for all that lies in the same folder until it has: so whoever asks again and again neither
// waits again nor piles threads up. The call owns all that it touches. Throws std::system_error where no thread is to be had.
[[nodiscard]] bool call_patiently(const std::string& path, const Patience& patience,
                                  std::function<void()> call);

}  // namespace dpsup
