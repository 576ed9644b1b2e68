#include "io/process/descriptor_limit.hpp"

namespace dpsup::io {

rlimit64 descriptor_limit() {
    rlimit64 limit{};
    ::getrlimit64(RLIMIT_NOFILE, &limit);
    return limit;
}

bool raise_descriptor_limit(const rlimit64& before) {
    const rlimit64 raised{before.rlim_max, before.rlim_max};
    return ::setrlimit64(RLIMIT_NOFILE, &raised) == 0;
}

}  // namespace dpsup::io
