// Descriptors 0, 1 and 2 of a program that may be started without them. What it opens first would get their numbers, and
// then what it prints: a state file, or a connection.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace dpsup::io {

// /dev/null takes the place of each that is closed: opened as `output` says for 1 and 2, so that O_WRONLY swallows what
// is printed, and O_RDONLY makes it fail.
inline void fill_standard_descriptors(int output) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        // The lowest number that is free, which is this one.
        if (::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : output) != fd) return;
    }
}

}  // namespace dpsup::io
