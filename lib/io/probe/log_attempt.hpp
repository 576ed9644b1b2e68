// A log probe: passes once a line of the output of this instance has matched, and from then on.
#pragma once

#include <map>
#include <memory>

#include "config/model.hpp"
#include "io/probe/attempt.hpp"
#include "io/probe/exec_attempt.hpp"
#include "io/probe/log_scan.hpp"
#include "io/workers.hpp"

namespace dpsup::io {

// What is kept for one log probe between its runs.
struct LogWatch {
    Generation generation;
    std::string pattern;
    std::string seen;      // which line, for people; empty: none yet
    bool done = false;     // it has matched
    bool reading = false;  // a worker holds `scan`
    struct Scan {
        Pattern pattern;
        std::variant<FileCursor, JournalCursor> cursor;
        [[nodiscard]] LogProgress look();
    };
    std::shared_ptr<Scan> scan;  // none once it has matched
};

class LogTools {
public:
    explicit LogTools(boost::asio::io_context& loop) : workers(loop, 2) {}

    // What is kept for this probe, made anew for another instance or another pattern. The error: the pattern
    // is bad, or the output goes nowhere.
    [[nodiscard]] Result<std::shared_ptr<LogWatch>> watch(ProbeKey key, Generation generation,
                                                          const std::string& pattern,
                                                          const OutputPlace& output);
    // Without a look: a line has matched, as an earlier daemon has seen.
    void resume_passed(ProbeKey key, Generation generation, const std::string& pattern);
    void forget(ServiceId service);

    Workers workers;

private:
    std::map<ProbeKey, std::shared_ptr<LogWatch>> watches_;
};

[[nodiscard]] std::shared_ptr<Attempt> log_attempt(LogTools& tools, ProbeKey key, Generation generation,
                                                   const config::LogProbe& probe, const OutputPlace& output,
                                                   Attempt::Done done);

}  // namespace dpsup::io
