// An http or https probe: load libcurl (the first one only), resolve the host, ask, judge the answer.
#pragma once

#include <memory>

#include "config/model.hpp"
#include "io/probe/attempt.hpp"
#include "io/probe/curl_library.hpp"
#include "io/probe/http_client.hpp"
#include "io/probe/library.hpp"
#include "io/probe/resolver.hpp"

namespace dpsup::io {

// What all http probes share.
class HttpTools {
public:
    using Use = std::function<void(const Result<HttpClient*>&)>;

    HttpTools(boost::asio::io_context& loop, Workers& workers, Resolver& names)
        : resolver(names), loop_(loop), library_(workers) {}

    void with_client(Use use);

    Resolver& resolver;

private:
    boost::asio::io_context& loop_;
    OnDemand<CurlLibrary> library_;
    std::unique_ptr<HttpClient> client_;
};

[[nodiscard]] std::shared_ptr<Attempt> http_attempt(HttpTools& tools, const config::HttpProbe& probe,
                                                    Attempt::Done done);

}  // namespace dpsup::io
