// tcp and unix probes: connect; where asked to, send a text and wait for one.
#pragma once

#include <memory>

#include "config/model.hpp"
#include "io/probe/attempt.hpp"
#include "io/probe/resolver.hpp"

namespace dpsup::io {

[[nodiscard]] std::shared_ptr<Attempt> tcp_attempt(boost::asio::io_context& loop, Resolver& resolver,
                                                   const config::TcpProbe& probe, Attempt::Done done);

[[nodiscard]] std::shared_ptr<Attempt> unix_attempt(boost::asio::io_context& loop,
                                                    const config::UnixProbe& probe, Attempt::Done done);

}  // namespace dpsup::io
