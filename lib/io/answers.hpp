// Whether a file system answers, for the few calls on paths that the loop must make itself: a socket's bind(2) and
// connect(2), a log's stat(2). One that answered a moment ago is believed to go on doing so.
#pragma once

#include <string>

namespace dpsup::io {

// Looks at the path in a thread, and waits a moment for it; where that is over, false at once for all of its folder, until
// the thread has come back. So whoever asks again and again neither waits again nor piles threads up. For any thread.
[[nodiscard]] bool answers(const std::string& path);

}  // namespace dpsup::io
