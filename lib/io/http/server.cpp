#include "io/http/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "io/http/session.hpp"

namespace dpsup::io::http {
namespace asio = boost::asio;

namespace {

constexpr Duration accept_pause = std::chrono::milliseconds(100);  // when the system is out of descriptors

std::vector<gid_t> groups_of(int fd) {
    std::vector<gid_t> groups(32);
    for (int tries = 0; tries < 2; ++tries) {
        auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        const int got = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
        const int error = errno;
        groups.resize(size / sizeof(gid_t));
        if (got == 0) return groups;
        if (error != ERANGE) break;
    }
    return {};
}

// Somebody unknown, who may do nothing, where the kernel does not say.
dpsup::http::Peer peer_of(int fd) {
    dpsup::http::Peer peer;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return peer;
    peer.pid = credentials.pid;
    peer.uid = credentials.uid;
    peer.gid = credentials.gid;
    peer.groups = groups_of(fd);
    return peer;
}

// Whoever asks nothing gives way first, then who has not finished asking. Answers and streams are never cut
// short.
int precedence(Session::State state) {
    switch (state) {
        case Session::State::idle:
        case Session::State::draining:
            return 0;
        case Session::State::reading:
            return 1;
        case Session::State::answering:
        case Session::State::writing:
        case Session::State::streaming:
        case Session::State::closed:
            return 2;
    }
    return 2;
}

}  // namespace

class Server::Acceptor : public std::enable_shared_from_this<Acceptor> {
public:
    Acceptor(asio::io_context& context, Listener listener, dpsup::http::Handler& handler, Limits limits)
        : listener_(std::move(listener)),
          socket_(context),
          pause_(context),
          shared_(std::make_shared<Shared>()) {
        shared_->limits = limits;
        shared_->handler = &handler;
        socket_.assign(asio::local::stream_protocol(), listener_->fd());
    }

    void accept() {
        if (shared_->leaving || std::exchange(accepting_, true)) return;
        socket_.async_accept(
            [self = shared_from_this()](const Session::Error& error, Session::Socket socket) {
                self->accepting_ = false;
                if (!self->socket_.is_open()) return;
                if (error) return self->on_error(error);
                self->take(std::move(socket));
                self->accept();
            });
    }

    void leave() {
        shared_->leaving = true;
        Session::Error ignored;
        socket_.cancel(ignored);
        pause_.cancel();
        const auto sessions = shared_->sessions;  // they take themselves off the list
        for (const auto& session : sessions) session->leave();
    }

    [[nodiscard]] bool has_left() const {
        return std::ranges::all_of(shared_->sessions,
                                   [](const auto& session) { return session->has_said_all(); });
    }

    void resume() {
        shared_->leaving = false;
        accept();
    }

    void stop() {
        shared_->handler = nullptr;
        if (socket_.is_open()) socket_.release();
        listener_.reset();
        pause_.cancel();
        while (!shared_->sessions.empty()) shared_->sessions.back()->close();
    }

    [[nodiscard]] std::size_t connections() const { return shared_->sessions.size(); }

private:
    // Mostly "no descriptor is free": makes room where it can and goes on at once, since whoever waits behind many idle
    // ones would wait a pause for each of them. Else it tries again soon.
    void on_error(const Session::Error& error) {
        if (error == asio::error::operation_aborted) return accept();
        const bool crowded = error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
                             error == boost::system::errc::too_many_files_open_in_system ||
                             error == asio::error::no_memory;
        if (crowded && make_room()) return accept();
        pause_.expires_after(accept_pause);
        pause_.async_wait([self = shared_from_this()](const Session::Error& cancelled) {
            if (!cancelled) self->accept();
        });
    }

    void take(Session::Socket socket) {
        if (shared_->sessions.size() >= shared_->limits.connections_max && !make_room())
            return turn_away(socket);
        auto peer = peer_of(socket.native_handle());
        const auto session = std::make_shared<Session>(std::move(socket), std::move(peer), shared_);
        shared_->sessions.push_back(session);
        session->start();
    }

    bool make_room() {
        const auto& sessions = shared_->sessions;
        const auto oldest =
            std::min_element(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
                return std::pair(precedence(a->state()), a->since()) <
                       std::pair(precedence(b->state()), b->since());
            });
        if (oldest == sessions.end() || precedence((*oldest)->state()) == 2) return false;
        // Kept alive while it closes and takes itself off the list.
        // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
        const auto leaving = *oldest;
        leaving->close();
        return true;
    }

    static void turn_away(Session::Socket& socket) {
        static constexpr std::string_view busy =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 129\r\n"
            "Connection: close\r\n\r\n"
            R"({"error":{"code":"busy","message":"all connections to the control socket are in use","hint":"end some of the waiting commands"}})"
            "\n";
        ::send(socket.native_handle(), busy.data(), busy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    std::optional<Listener> listener_;
    bool accepting_ = false;
    asio::local::stream_protocol::acceptor socket_;
    asio::steady_timer pause_;
    std::shared_ptr<Shared> shared_;
};

Limits limits_for(std::uint64_t descriptors) {
    constexpr std::uint64_t kept_min = 64;
    constexpr std::uint64_t connections_min = 4;
    Limits limits;
    const std::uint64_t spare = descriptors > kept_min ? descriptors - kept_min : 0;
    const std::uint64_t most = std::max(std::min(descriptors / 2, spare), connections_min);
    limits.connections_max = std::min<std::uint64_t>(limits.connections_max, most);
    // Streams never give way to others: they must not have all.
    limits.streams_max = std::min(limits.streams_max, limits.connections_max / 2);
    limits.streams_per_user_max = std::min(limits.streams_per_user_max, limits.streams_max);
    return limits;
}

Server::Server(asio::io_context& context, Listener listener, dpsup::http::Handler& handler, Limits limits)
    : acceptor_(std::make_shared<Acceptor>(context, std::move(listener), handler, limits)) {
    acceptor_->accept();
}

Server::~Server() {
    stop();
}

void Server::stop() {
    acceptor_->stop();
}

void Server::leave() {
    acceptor_->leave();
}

bool Server::has_left() const {
    return acceptor_->has_left();
}

void Server::resume() {
    acceptor_->resume();
}

std::size_t Server::connections() const {
    return acceptor_->connections();
}

}  // namespace dpsup::io::http
