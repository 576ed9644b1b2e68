#include "io/socket/service_sockets.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/socket_keys.hpp"
#include "io/socket/listening_socket.hpp"

namespace dpsup::io {
namespace {

constexpr std::string_view prefix = "service/";
constexpr int tries_max = 20;

std::string stored_as(const std::string& service) {
    return std::string(prefix) + service;
}

bool same_address(const config::Socket& a, const config::Socket& b) {
    return a.host == b.host && a.port == b.port && a.path == b.path;
}

// The mark is the socket's, not the descriptor's: an instance that set it would leave it to the next one.
void make_blocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) != 0) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

}  // namespace

const PassedSocket* ServiceSockets::find(const Holding& holding, const config::Socket& socket) {
    const auto found = std::ranges::find_if(
        holding.sockets, [&](const PassedSocket& held) { return same_address(held.socket, socket); });
    return found == holding.sockets.end() ? nullptr : &*found;
}

// Supervision goes on where it cannot be stored; only a next daemon would have to open it anew.
void ServiceSockets::add(Holding& holding, const config::Socket& socket, UniqueFd fd) {
    (void)store_.keep(stored_as(holding.name), fd.get());
    holding.sockets.push_back({socket, std::make_shared<const UniqueFd>(std::move(fd))});
}

// A name in the store stands for all sockets of a service: what stays is stored anew, a removed namesake's too.
void ServiceSockets::let_go(Holding& holding, const std::function<bool(const PassedSocket&)>& unwanted) {
    std::vector<config::Socket> left;
    for (const PassedSocket& held : holding.sockets)
        if (unwanted(held)) left.push_back(held.socket);
    if (left.empty()) return;
    std::erase_if(holding.sockets, unwanted);
    store_.drop(stored_as(holding.name));
    for (const auto& [id, other] : holdings_)
        if (other.name == holding.name)
            for (const PassedSocket& held : other.sockets)
                (void)store_.keep(stored_as(other.name), held.fd->get());
    for (const config::Socket& socket : left)
        if (!clear_up(socket)) uncleared_.push_back({socket});
}

bool ServiceSockets::clear_up_again() {
    std::erase_if(uncleared_,
                  [](Uncleared& one) { return clear_up(one.socket) || ++one.tries == tries_max; });
    return uncleared_.empty();
}

void ServiceSockets::claim(Holding& holding, std::vector<UniqueFd> found,
                           const std::vector<config::Socket>& wanted) {
    for (UniqueFd& fd : found) {
        const auto socket = std::ranges::find_if(wanted, [&](const config::Socket& one) {
            return find(holding, one) == nullptr && listens_at(fd.get(), one);
        });
        if (socket != wanted.end()) add(holding, *socket, std::move(fd));
    }
}

ServiceSockets::Holding& ServiceSockets::prepare(ServiceId id, const config::Service& service) {
    Holding& holding = holdings_[id];
    holding.name = service.name;
    const std::vector<config::Socket>& wanted = service.process.sockets;
    if (std::vector<UniqueFd> passed = store_.take(stored_as(service.name)); !passed.empty()) {
        store_.drop(stored_as(service.name));  // with what turns out not to be wanted
        claim(holding, std::move(passed), wanted);
    }
    return holding;
}

tl::expected<PassedSockets, core::LaunchFailed> ServiceSockets::open(ServiceId id,
                                                                     const config::Service& service) {
    const std::vector<config::Socket>& wanted = service.process.sockets;
    if (wanted.empty() && !holdings_.contains(id)) return PassedSockets{};
    Holding& holding = prepare(id, service);
    let_go(holding, [&](const PassedSocket& held) {
        const bool named = std::ranges::any_of(
            wanted, [&](const config::Socket& one) { return same_address(one, held.socket); });
        return !named || !can_be_found(held.socket);
    });
    PassedSockets passed;
    for (const config::Socket& socket : wanted) {
        if (find(holding, socket) == nullptr) {
            auto opened = open_listening(socket);
            if (!opened) return tl::unexpected(opened.error());
            add(holding, socket, std::move(*opened));
        }
        const PassedSocket* held = find(holding, socket);
        make_blocking(held->fd->get());
        passed.push_back({socket, held->fd});
    }
    return passed;
}

std::vector<std::string> ServiceSockets::adopt(ServiceId id, const config::Service& service,
                                               const std::function<std::vector<UniqueFd>()>& from_process) {
    const std::vector<config::Socket>& wanted = service.process.sockets;
    std::vector<std::string> missing;
    if (wanted.empty()) return missing;
    Holding& holding = prepare(id, service);
    if (holding.sockets.size() < wanted.size()) claim(holding, from_process(), wanted);
    for (const config::Socket& socket : wanted)
        if (find(holding, socket) == nullptr) missing.push_back(config::address_of(socket));
    return missing;
}

void ServiceSockets::close(ServiceId id) {
    const auto found = holdings_.find(id);
    if (found == holdings_.end()) return;
    let_go(found->second, [](const PassedSocket&) { return true; });
    holdings_.erase(found);
}

void ServiceSockets::end_adoption() {
    for (const std::string& name : store_.waiting())
        if (name.starts_with(prefix)) store_.drop(name);
}

}  // namespace dpsup::io
