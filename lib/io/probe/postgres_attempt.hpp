// A postgres probe: a new connection by libpq, never blocking, and a query on it where one is configured.
#pragma once

#include <memory>

#include "config/model.hpp"
#include "io/probe/attempt.hpp"
#include "io/probe/library.hpp"
#include "io/probe/resolver.hpp"

namespace dpsup::io {

struct PostgresLibrary;

// What all postgres probes share.
struct PostgresTools {
    PostgresTools(boost::asio::io_context& event_loop, Workers& workers, Resolver& names)
        : loop(event_loop), resolver(names), library(workers), cancels(event_loop, 1, 16) {}

    boost::asio::io_context& loop;
    Resolver& resolver;
    OnDemand<PostgresLibrary> library;
    Workers cancels;  // PQcancel blocks
};

[[nodiscard]] std::shared_ptr<Attempt> postgres_attempt(PostgresTools& tools,
                                                        const config::PostgresProbe& probe,
                                                        Attempt::Done done);

}  // namespace dpsup::io
