// How many files the daemon may have open, and its services. Thousands of services and probes hold descriptors, so the
// daemon raises its own limit; its services get that with which it was started.
#pragma once

#include <sys/resource.h>

namespace dpsup::io {

// Of this process, now.
[[nodiscard]] rlimit64 descriptor_limit();

// Raises the soft limit to the hard one. Wants the limit of before, since whoever raises it must have kept that.
[[nodiscard]] bool raise_descriptor_limit(const rlimit64& before);

}  // namespace dpsup::io
