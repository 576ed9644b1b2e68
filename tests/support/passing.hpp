// A process that was passed descriptors by systemd: what a test does in it, in a child of its own.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace dpsup::test {

// The exit code of `body`, which runs in a child where descriptors from 3 on are these, with these names. A body that
// returns 0 is content. -1: it was killed.
template <class Body>
int with_passed(const std::vector<std::pair<std::string, int>>& passed, Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::vector<int> copies;
        for (const auto& [name, fd] : passed) copies.push_back(::fcntl(fd, F_DUPFD, 100));
        std::string names;
        for (std::size_t i = 0; i < copies.size(); ++i) {
            ::dup2(copies[i], 3 + static_cast<int>(i));
            ::close(copies[i]);
            names += (i == 0 ? "" : ":") + passed[i].first;
        }
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDS", std::to_string(copies.size()).c_str(), 1);
        ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace dpsup::test
