#include "io/probe/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

namespace dpsup::io {
namespace {

bool is_numeric(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    // A scope ("fe80::1%eth0") is no part of what inet_pton knows.
    return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), address.data()) == 1;
}

Result<Addresses> look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (code != 0) return fail("unresolved", "cannot resolve " + host + ": " + gai_strerror(code));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    Addresses addresses;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST) == 0)
            addresses.emplace_back(text.data());
    }
    return addresses;
}

}  // namespace

std::optional<Addresses> Resolver::known(const std::string& host) {
    if (is_numeric(host)) return Addresses{host};
    if (host == "localhost") return Addresses{"127.0.0.1", "::1"};  // as RFC 6761 has it
    return std::nullopt;
}

void Resolver::resolve(const std::string& host, Done done) {
    if (const auto addresses = known(host)) return done(*addresses);
    const auto kept = kept_.find(host);
    if (kept != kept_.end() && std::chrono::steady_clock::now() < kept->second.until) {
        const Result<Addresses> addresses = kept->second.addresses;
        return done(addresses);
    }
    auto& waiting = asked_[host];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) return;
    auto found = std::make_shared<Result<Addresses>>();
    const bool submitted = workers_.submit([host, found] { *found = look_up(host); },
                                           [this, host, found] { tell(host, *found); });
    if (!submitted)
        tell(host, fail("busy", "cannot resolve " + host + ": too many names are being resolved"));
}

void Resolver::tell(const std::string& host, const Result<Addresses>& addresses) {
    kept_.erase(host);
    if (kept_.size() >= kept_max) kept_.clear();
    if (addresses) kept_[host] = {*addresses, std::chrono::steady_clock::now() + kept_for};
    const auto waiting = asked_.extract(host);
    if (!waiting) return;
    for (const auto& done : waiting.mapped()) done(addresses);
}

}  // namespace dpsup::io
