// Programs that a test runs: started with exactly what is said here, waited for with a deadline, and killed
// with the object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wait.hpp"

namespace dpsup::test {

struct Spawn {
    std::vector<std::string> command;                     // [0] is looked up in PATH
    std::map<std::string, std::string> environment = {};  // added to the test's own
    std::string out = "/dev/null";                        // appended to
    std::string err = "/dev/null";
    std::function<bool()> before_exec = {};  // in the child; false: exit 127
    bool dies_with_us = true;                // SIGTERM to it, should the test be killed
};

// How a program ended: by exit (code) or by a signal.
struct End {
    int code = -1;   // -1: not by exit
    int signal = 0;  // 0: not by a signal
};

class Child {
public:
    explicit Child(const Spawn& spawn);
    ~Child();  // SIGKILL, where it still runs
    Child(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    Child& operator=(Child&&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    // Nothing where it still runs when the time is over. Asked again, it answers the same.
    [[nodiscard]] std::optional<End> wait(Clock::duration limit = patience);
    [[nodiscard]] bool running() { return !wait(Clock::duration::zero()); }

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    std::optional<End> end_;
};

struct Finished {
    End end;
    std::string out;
    std::string err;
    bool timed_out = false;  // it was killed then

    [[nodiscard]] int code() const { return end.code; }
    [[nodiscard]] std::string all() const { return out + err; }
};

// Runs it to its end.
[[nodiscard]] Finished run(Spawn spawn, Clock::duration limit = patience);

// Whether any process of that number runs; a zombie does not.
[[nodiscard]] bool runs(pid_t pid);

}  // namespace dpsup::test
