// The kernel gives a signal of the process to any thread that does not block it: only the loop's thread is to have them.
#pragma once

namespace dpsup {

// Of this thread, all. Those that come meanwhile wait, over an exec too.
void block_signals();
void unblock_signals();

}  // namespace dpsup
