// Watches over a life of the cluster, and says which promise was broken first.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "core/postgres/record.hpp"

namespace dpsup::sim::postgres {

struct Host;

class Referee {
public:
    explicit Referee(core::postgres::Mode mode) : mode_(mode) {}

    // One line of the trace.
    void say(Instant now, const std::string& who, const std::string& what);
    [[nodiscard]] bool traces() const { return line_ != nullptr; }
    void keep_trace(std::function<void(const std::string&)> line) { line_ = std::move(line); }

    // A primary was opened: it must hold all that was ever acknowledged.
    void opened(Instant now, const Host& host);
    // A primary that acknowledged nothing begins to.
    void began(Instant now, const Host& host, const std::vector<std::unique_ptr<Host>>& hosts);
    // The record was written: its promise must cover what was acknowledged.
    void recorded(Instant now, const core::postgres::Record& record,
                  const std::vector<std::unique_ptr<Host>>& hosts);
    // A client was told that the commit at `lsn` is safe. `local` is the host's clock.
    void acknowledged(Instant now, Instant local, const Host& host, std::size_t lsn);
    // Once faults have ceased; `problem` as World::unhealthy().
    void healed(Instant now, const std::string& problem);

    [[nodiscard]] const std::string& promise() const { return promise_; }
    [[nodiscard]] const std::string& how() const { return how_; }
    [[nodiscard]] std::uint64_t acknowledgements() const { return acknowledgements_; }
    [[nodiscard]] const std::deque<std::string>& trace() const { return trace_; }

private:
    [[nodiscard]] bool leader_has(const Host& host, std::size_t lsn) const;
    void broken(Instant now, const std::string& promise, const std::string& how);

    core::postgres::Mode mode_;
    std::function<void(const std::string&)> line_;
    std::deque<std::string> trace_;
    std::string promise_;
    std::string how_;
    std::uint64_t acknowledgements_ = 0;
    std::uint64_t session_ = 0;     // the latest that has acknowledged
    const Host* leader_ = nullptr;  // whose that was
    std::size_t lsn_ = 0;           // of the last acknowledged commit
    std::uint64_t chain_ = 0;       // and of the log up to it
};

}  // namespace dpsup::sim::postgres
