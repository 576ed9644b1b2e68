// A session that answers without an end: /v1/events.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "io/http/session.hpp"
#include "io/http/transport_error.hpp"

namespace dpsup::io::http {
namespace asio = boost::asio;

// The text is taken over, as the seam promises.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
bool Session::begin_stream(std::uint64_t number, std::string_view content_type, std::string first,
                           std::string heartbeat) {
    if (state_ != State::answering || number != number_) return false;
    if (shared_->streams >= shared_->limits.streams_max ||
        streams_of_user() >= shared_->limits.streams_per_user_max) {
        send(transport_error(503, "too_many_streams", "too many event streams are open",
                             "close one of the others, or ask /v1/decisions instead"),
             keep_alive_);
        return false;
    }
    ++shared_->streams;
    heartbeat_ = std::move(heartbeat);
    pending_.append("HTTP/1.1 200 OK\r\nContent-Type: ").append(content_type).append("\r\n");
    pending_.append(chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n");
    enter(State::streaming, shared_->limits.heartbeat);
    append(first);
    bound_unread();
    flush();
    return true;
}

void Session::append(std::string_view text) {
    if (!chunked_) {
        pending_.append(text);
        return;
    }
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
    pending_.append(size.data(), end).append("\r\n").append(text).append("\r\n");
}

bool Session::write(std::string_view text) {
    if (state_ != State::streaming || ending_) return false;
    if (pending_.size() + text.size() > shared_->limits.stream_buffer_max) {
        close();
        return false;
    }
    append(text);
    bound_unread();
    if (in_flight_.empty()) flush();
    return true;
}

void Session::flush() {
    if (in_flight_.empty()) {
        if (pending_.empty() && !ending_) return;
        if (pending_.empty()) {
            --shared_->streams;
            return say_no_more();
        }
        in_flight_.swap(pending_);
        written_ = 0;
    }
    socket_.async_write_some(asio::buffer(in_flight_.data() + written_, in_flight_.size() - written_),
                             [self = shared_from_this()](const Error& error, std::size_t size) {
                                 if (self->state_ != State::streaming) return;
                                 if (error) return self->close();
                                 self->active_ = true;
                                 self->written_ += size;
                                 if (self->written_ == self->in_flight_.size()) {
                                     self->in_flight_.clear();
                                     if (self->in_flight_.capacity() > keep_max)
                                         self->in_flight_.shrink_to_fit();
                                 }
                                 self->count_unread();
                                 self->flush();
                             });
}

std::size_t Session::streams_of_user() const {
    const auto count =
        std::count_if(shared_->sessions.begin(), shared_->sessions.end(), [this](const auto& each) {
            return each->state_ == State::streaming && each->peer_.uid == peer_.uid;
        });
    return static_cast<std::size_t>(count);
}

// Once a heartbeat's time: says that we live, or ends a stream whose reader has stopped.
void Session::beat() {
    stalled_ = active_ || in_flight_.empty() ? Duration::zero() : stalled_ + shared_->limits.heartbeat;
    if (stalled_ >= shared_->limits.write_timeout) return close();
    const bool quiet = !active_ && in_flight_.empty();
    active_ = false;
    enter(State::streaming, shared_->limits.heartbeat);
    if (quiet) write(heartbeat_);
}

}  // namespace dpsup::io::http
