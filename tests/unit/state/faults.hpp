// Faults in the calls by which state reaches the disk. The linker sends open, write, fsync and the rest through here (see
// CMakeLists.txt), so that the code under test is the one that is shipped, without a seam.
//
// Armed, each call is counted, and the one with the number of the plan goes wrong.
#pragma once

#include <functional>
#include <string>

namespace dpsup::test {

enum class Fault {
    none,        // only counted
    die,         // the process ends before the call
    die_half,    // it ends when half of what was to be written is written
    power_loss,  // the machine ends: what was written and not synced is lost
    fails,       // the call fails, nothing done
    fails_half,  // half is written, and the next write fails
    full,        // this and every later call fails
    half,        // half is written, and that is no error
};

struct Plan {
    Fault fault = Fault::none;
    int at = 0;  // from 1
    int error = 0;
};

// Until disarm(), or the end of this process.
void arm(const Plan& plan);
void disarm();

// Since the last arm().
[[nodiscard]] int calls();
// Their names: "open write fsync rename".
[[nodiscard]] std::string trace();

// Runs `action` armed, in a process of its own, which ends by the plan or by itself.
void in_child(const Plan& plan, const std::function<void()>& action);

}  // namespace dpsup::test
