#include "io/socket/service_sockets.hpp"

#include <fcntl.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/hash.hpp"
#include "config/socket_keys.hpp"
#include "io/socket/listening_socket.hpp"

namespace dpsup::io {
namespace {

constexpr std::string_view prefix = "service/";
constexpr int tries_max = 20;

// Each socket has a name of its own, so that letting one go leaves the others in the store. An address may hold what a
// name there may not, and be longer.
std::string stored_as(const std::string& service, const config::Socket& socket) {
    std::ostringstream name;
    name << prefix << service << '/' << std::hex << fnv1a(config::address_of(socket));
    return name.str();
}

// As earlier versions stored all sockets of a service.
std::string once_stored_as(const std::string& service) {
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
    (void)store_.keep(stored_as(holding.name, socket), fd.get());
    holding.sockets.push_back({socket, std::make_shared<const UniqueFd>(std::move(fd))});
}

void ServiceSockets::let_go(Holding& holding, const std::function<bool(const PassedSocket&)>& unwanted) {
    std::vector<config::Socket> left;
    for (const PassedSocket& held : holding.sockets)
        if (unwanted(held)) left.push_back(held.socket);
    if (left.empty()) return;
    std::erase_if(holding.sockets, unwanted);
    for (const config::Socket& socket : left) {
        drop(holding.name, socket);
        if (!clear_up(socket)) uncleared_.push_back({socket});
    }
}

// A service that has taken the place of a removed one of this name may have a socket there, whose file was gone: it is
// stored anew.
void ServiceSockets::drop(const std::string& service, const config::Socket& socket) {
    const std::string name = stored_as(service, socket);
    store_.drop(name);
    for (const auto& [id, other] : holdings_) {
        const PassedSocket* held = other.name == service ? find(other, socket) : nullptr;
        if (held != nullptr) (void)store_.keep(name, held->fd->get());
    }
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
    const std::string old_name = once_stored_as(service.name);
    if (std::vector<UniqueFd> passed = store_.take(old_name); !passed.empty()) {
        store_.drop(old_name);  // first: systemd takes nothing a second time, under whatever name
        claim(holding, std::move(passed), wanted);
    }
    for (const config::Socket& socket : wanted) {
        std::vector<UniqueFd> passed = store_.take(stored_as(service.name, socket));
        if (passed.empty()) continue;
        claim(holding, std::move(passed), wanted);
        if (find(holding, socket) == nullptr) drop(service.name, socket);
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
