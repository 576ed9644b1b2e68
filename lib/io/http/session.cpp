#include "io/http/session.hpp"

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <map>
#include <tuple>
#include <utility>

#include "io/http/transport_error.hpp"

namespace dpsup::io::http {
namespace asio = boost::asio;
namespace beast = boost::beast;
using dpsup::http::Reply;

namespace {

constexpr Duration no_deadline = Duration::max();
constexpr Duration drain_timeout = std::chrono::seconds(1);
constexpr std::size_t drain_max = std::size_t{1024} * 1024;

// One request's way back; see Exchange.
class RequestExchange final : public dpsup::http::Exchange {
public:
    RequestExchange(std::weak_ptr<Session> session, std::uint64_t number, std::weak_ptr<void> alive)
        : session_(std::move(session)), number_(number), alive_(std::move(alive)) {}
    RequestExchange(const RequestExchange&) = delete;
    RequestExchange& operator=(const RequestExchange&) = delete;
    ~RequestExchange() override { RequestExchange::reply(no_answer()); }

    void reply(Reply reply) override {
        if (const auto session = session_.lock()) session->reply(number_, std::move(reply));
    }
    std::weak_ptr<dpsup::http::Stream> stream(std::string_view content_type, std::string first,
                                              std::string heartbeat) override {
        const auto session = session_.lock();
        if (!session || !session->begin_stream(number_, content_type, std::move(first), std::move(heartbeat)))
            return {};
        return session;
    }
    [[nodiscard]] std::weak_ptr<void> alive() const override { return alive_; }

private:
    std::weak_ptr<Session> session_;
    std::uint64_t number_;
    std::weak_ptr<void> alive_;
};

}  // namespace

Session::Session(Socket socket, dpsup::http::Peer peer, std::shared_ptr<Shared> shared)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      peer_(std::move(peer)),
      shared_(std::move(shared)),
      buffer_(shared_->limits.header_max + keep_max) {}

void Session::start() {
    await_request();
}

void Session::enter(State state, Duration deadline) {
    state_ = state;
    since_ = ++shared_->turn;
    if (deadline == no_deadline) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(deadline);
    timer_.async_wait([self = shared_from_this(), turn = since_](const Error& error) {
        if (!error && self->since_ == turn) self->on_deadline();
    });
}

void Session::on_deadline() {
    switch (state_) {
        case State::reading:
            socket_.cancel();
            return send(transport_error(408, "request_timeout", "the request did not arrive whole in time",
                                        "send header and body without a pause"),
                        false);
        case State::streaming:
            return beat();
        case State::idle:
        case State::answering:
        case State::writing:
        case State::draining:
        case State::closed:
            return close();
    }
}

void Session::close() {
    if (state_ == State::closed) return;
    if (state_ == State::streaming) --shared_->streams;
    state_ = State::closed;
    ++since_;
    count_unread();
    const auto self = shared_from_this();  // the list may hold the last reference
    Error ignored;
    socket_.close(ignored);
    timer_.cancel();
    alive_.reset();
    auto& sessions = shared_->sessions;
    const auto place = std::find(sessions.begin(), sessions.end(), self);
    if (place == sessions.end()) return;
    std::swap(*place, sessions.back());
    sessions.pop_back();
}

void Session::await_request() {
    enter(State::idle, shared_->limits.idle_timeout);
    if (buffer_.size() > 0) return read_header();  // the next of several requests sent at once
    if (buffer_.capacity() > keep_max) {
        buffer_.clear();
        buffer_.shrink_to_fit();
    }
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const Error& error) {
        if (self->state_ != State::idle) return;
        if (error) return self->close();
        self->read_header();
    });
}

void Session::read_header() {
    enter(State::reading, shared_->limits.request_timeout);
    response_.reset();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_->limits.header_max));
    parser_->body_limit(shared_->limits.body_max);
    beast::http::async_read_header(socket_, buffer_, *parser_,
                                   [self = shared_from_this()](const Error& error, std::size_t) {
                                       if (self->state_ != State::reading) return;
                                       if (error) return self->refuse(error);
                                       self->read_body();
                                   });
}

void Session::read_body() {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto read = [](const std::shared_ptr<Session>& self) {
        beast::http::async_read(self->socket_, self->buffer_, *self->parser_,
                                [self](const Error& error, std::size_t) {
                                    if (self->state_ != State::reading) return;
                                    if (error) return self->refuse(error);
                                    self->answer();
                                });
    };
    if (!body_is_plain())
        return send(transport_error(501, "unknown_transfer_coding",
                                    "of transfer codings only \\\"chunked\\\" is understood",
                                    "send the body as it is, with a Content-Length"),
                    false);
    if (parser_->is_done()) return answer();
    if (!beast::iequals(parser_->get()[beast::http::field::expect], "100-continue"))
        return read(shared_from_this());
    asio::async_write(socket_, asio::buffer(go_on),
                      [self = shared_from_this(), read](const Error& error, std::size_t) {
                          if (self->state_ != State::reading) return;
                          if (error) return self->close();
                          read(self);
                      });
}

// A body in a coding that we do not read would be taken for none.
bool Session::body_is_plain() const {
    const auto [first, last] = parser_->get().equal_range(beast::http::field::transfer_encoding);
    return first == last || (std::next(first) == last && beast::iequals(first->value(), "chunked"));
}

void Session::refuse(const Error& error) {
    namespace http = beast::http;
    if (error == http::error::end_of_stream ||
        error.category() != http::make_error_code(http::error::bad_method).category())
        return close();
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return send(transport_error(431, "header_too_large", "the request's header is larger than 64 KiB",
                                    "name fewer services in one request, or ask for all"),
                    false);
    if (error == http::error::body_limit)
        return send(transport_error(413, "body_too_large", "the request's body is larger than 64 KiB",
                                    "name fewer services in one request, or use \\\"all\\\": true"),
                    false);
    send(transport_error(400, "bad_request", "this is no HTTP/1.1 request: " + error.message(),
                         "for example: curl --unix-socket /run/dpsup/control.sock http://dpsup/v1/status"),
         false);
}

void Session::answer() {
    auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    chunked_ = message.version() >= 11;
    dpsup::http::Request request{.method = std::string(message.method_string()),
                                 .target = std::string(message.target()),
                                 .body = std::move(message.body()),
                                 .peer = peer_};
    parser_.reset();
    ++number_;
    alive_ = std::make_shared<int>();
    enter(State::answering, no_deadline);
    if (shared_->handler == nullptr) return close();
    shared_->handler->handle(std::move(request),
                             std::make_shared<RequestExchange>(weak_from_this(), number_, alive_));
    if (state_ == State::answering || state_ == State::streaming) notice_hangup();
}

// A peer that closes its end while it waits must free its place. A half-closed one still reads: only a hangup
// ends it.
void Session::notice_hangup() {
    if (hangup_noticed_) return;
    hangup_noticed_ = true;
    socket_.async_wait(Socket::wait_error, [self = shared_from_this()](const Error& error) {
        self->hangup_noticed_ = false;
        if (!error && (self->state_ == State::answering || self->state_ == State::streaming)) self->close();
    });
}

void Session::reply(std::uint64_t number, Reply reply) {
    if (state_ != State::answering || number != number_) return;
    send(std::move(reply), keep_alive_ && !shared_->leaving);
}

void Session::send(Reply reply, bool keep_alive) {
    alive_.reset();
    enter(State::writing, shared_->limits.write_timeout);
    response_.emplace();
    response_->result(reply.status);
    response_->set(beast::http::field::content_type, reply.content_type);
    if (!reply.allow.empty()) response_->set(beast::http::field::allow, reply.allow);
    response_->keep_alive(keep_alive);
    response_->body() = std::move(reply.body);
    response_->prepare_payload();
    bound_unread();
    beast::http::async_write(socket_, *response_,
                             [self = shared_from_this(), keep_alive](const Error& error, std::size_t) {
                                 self->written(error, keep_alive);
                             });
}

void Session::written(const Error& error, bool keep_alive) {
    if (state_ != State::writing) return;
    response_.reset();
    count_unread();
    if (error) return close();
    if (keep_alive && !shared_->leaving) return await_request();
    say_no_more();
}

void Session::say_no_more() {
    Error ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    enter(State::draining, drain_timeout);
    drain();
}

void Session::drain() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(keep_max),
                            [self = shared_from_this()](const Error& error, std::size_t size) {
                                if (self->state_ != State::draining) return;
                                self->drained_ += size;
                                if (error || self->drained_ > drain_max) return self->close();
                                self->drain();
                            });
}

void Session::leave() {
    Error ignored;
    switch (state_) {
        case State::idle:  // a request that has come is answered yet
            if (socket_.available(ignored) == 0) close();
            return;
        case State::streaming:
            ending_ = true;
            if (chunked_) pending_.append("0\r\n\r\n");
            if (in_flight_.empty()) flush();
            return;
        case State::reading:
        case State::answering:
        case State::writing:
        case State::draining:
        case State::closed:
            return;
    }
}

// After each change of what it is about. Of a reply all counts until all is written.
void Session::count_unread() {
    std::size_t now = 0;
    if (state_ == State::writing && response_) now = response_->body().size();
    if (state_ == State::streaming) now = pending_.size() + in_flight_.size();
    shared_->unread += now - unread_;
    unread_ = now;
}

// Whoever reads is done in a moment. Those who do not go first: the user who leaves most unread, his fullest
// connection, the oldest. Never this one, which has had no time to be read.
void Session::bound_unread() {
    count_unread();
    while (shared_->unread > shared_->limits.unread_max) {
        std::map<uid_t, std::size_t> of_user;
        for (const auto& each : shared_->sessions) of_user[each->peer_.uid] += each->unread_;
        const auto rank = [&](const Session& session) {
            const bool other = &session != this && session.unread_ > 0;
            return std::tuple(other, other ? of_user[session.peer_.uid] : 0, session.unread_,
                              ~session.since_);
        };
        const auto worst =
            std::max_element(shared_->sessions.begin(), shared_->sessions.end(),
                             [&](const auto& a, const auto& b) { return rank(*a) < rank(*b); });
        if (worst == shared_->sessions.end() || !std::get<0>(rank(**worst))) return;
        // Kept alive while it closes and takes itself off the list.
        // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
        const auto leaving = *worst;
        leaving->close();
    }
}

}  // namespace dpsup::io::http
