// Host names to addresses, for every kind of probe alike, without ever blocking the loop: a name whose server
// does not answer holds one thread, whoever asks for it. Numeric addresses and "localhost" never leave this
// process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "io/workers.hpp"

namespace dpsup::io {

using Addresses = std::vector<std::string>;  // numeric

class Resolver {
public:
    using Done = std::function<void(const Result<Addresses>&)>;

    explicit Resolver(boost::asio::io_context& loop) : workers_(loop, threads_max) {}

    // What needs no looking up.
    [[nodiscard]] static std::optional<Addresses> known(const std::string& host);

    // `done` comes at once or later, and must cope with whatever has gone by then. The system's own time-outs
    // may be long: the asker keeps its own deadline.
    void resolve(const std::string& host, Done done);

private:
    static constexpr std::size_t threads_max = 4;
    static constexpr std::size_t kept_max = 256;
    static constexpr std::chrono::seconds kept_for{5};  // spares the name server a question for each probe

    struct Kept {
        Addresses addresses;
        std::chrono::steady_clock::time_point until;
    };

    void tell(const std::string& host, const Result<Addresses>& addresses);

    std::unordered_map<std::string, Kept> kept_;
    std::unordered_map<std::string, std::vector<Done>> asked_;
    Workers workers_;
};

}  // namespace dpsup::io
