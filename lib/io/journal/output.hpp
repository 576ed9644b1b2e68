// Where a service's output goes: straight from the service to the journal or to a bounded file, never through
// the daemon. A daemon that hangs, dies or is upgraded loses no line and blocks no writer.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "config/model.hpp"
#include "io/unique_fd.hpp"

namespace dpsup::io {

struct OutputPaths {
    std::string log_dir;                                         // NAME.log, NAME.log.1, ...
    std::string journal_socket = "/run/systemd/journal/stdout";  // where journald listens for streams
    // systemd's unit in which all services run; empty: there is none. What journald itself records of a line tells
    // then whether a service wrote it: anybody may claim a service's identifier.
    std::string journal_unit = {};
};

// What `log.target = "automatic"` means on this host, now. Never answers `automatic`.
[[nodiscard]] config::LogConfig::Target resolve_target(const config::LogConfig& log,
                                                       const OutputPaths& paths);

// log_dir/NAME.log
[[nodiscard]] std::string log_file_of(const std::string& service, const OutputPaths& paths);

// Where in a log file an instance's output begins.
struct OutputBegin {
    std::uint64_t size = 0;  // of the file by then
    std::string tail;        // the last bytes of that, by which the place is known again
};

// What the file holds there now; empty where it cannot be read. May block.
[[nodiscard]] std::string log_tail(const std::string& path, std::uint64_t size);

struct Output {
    UniqueFd fd;        // becomes the service's stdout and stderr
    std::string path;   // of the file; empty: not a file
    OutputBegin begin;  // of the file: where what the service writes begins
    bool journal = false;
};

// What could not be opened, as the stage "output" of a failed launch reports it.
struct OutputError {
    int error_number = 0;
    std::string detail;
};

// Opens the service's output. Never blocks: a journal that does not accept at once is an error.
[[nodiscard]] tl::expected<Output, OutputError> open_output(const std::string& service,
                                                            const config::LogConfig& log,
                                                            const OutputPaths& paths);

}  // namespace dpsup::io
