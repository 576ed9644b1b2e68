// Times commands from outside any interpreter.
//
//   stopwatch exec TABLE SLOT COMMAND...   notes the time in the table, then becomes COMMAND
//   stopwatch times N COMMAND...           runs COMMAND N times, its output thrown away, and prints how long each
//                                          whole process took, in ns; quits with 1 where one failed
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "table.hpp"

namespace {

int times(long n, char** command) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (long i = 0; i < n; ++i) {
        const std::uint64_t began = monotonic_ns();
        pid_t pid = 0;
        int status = 0;
        if (posix_spawnp(&pid, command[0], &actions, nullptr, command, environ) != 0) return 1;
        if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
        std::printf("%llu\n", static_cast<unsigned long long>(monotonic_ns() - began));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 3 && std::strcmp(argv[1], "times") == 0) return times(std::atol(argv[2]), argv + 3);
    if (argc < 5 || std::strcmp(argv[1], "exec") != 0) return 2;
    note(argv[2], std::strtoul(argv[3], nullptr, 10), monotonic_ns());
    execvp(argv[4], argv + 4);
    return 127;
}
