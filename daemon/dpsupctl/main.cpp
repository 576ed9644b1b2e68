// dpsupctl: arguments -> request, reply -> text.
#include <csignal>
#include <exception>

#include "dpsupctl/arguments.hpp"
#include "io/standard_descriptors.hpp"

int main(int argc, char** argv) {
    dpsup::io::fill_standard_descriptors(O_RDONLY);  // a write to what was closed still fails
    std::signal(SIGPIPE, SIG_IGN);                   // a write that fails says so itself
    try {
        return static_cast<int>(dpsup::ctl::run(argc, argv));
    } catch (const std::exception& problem) {  // out of memory
        return static_cast<int>(dpsup::ctl::report({"failed", problem.what()}, false));
    }
}
