// One connection of the control socket. Private to this room: it needs Asio and Beast.
//
//   idle ----> reading ----> answering ----> writing ----> idle
//     |           |              |              |
//     |           | broken       | stream()     | close asked for, or broken request
//     v           v              v              v
//   closed <-- writing       streaming       draining --> closed
//
// idle: no byte of a request has come. reading: some have. answering: the handler has it. writing: one whole
// reply is on its way. streaming: an endless reply. draining: our last word is sent; what the peer still
// sends is thrown away for a moment, so that it gets to read our reply. One timer serves whichever deadline
// the state has.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http.hpp"
#include "io/http/server.hpp"

namespace dpsup::io::http {

class Session;

// What all sessions of one server share. It outlives the server where a pending operation still holds a
// session.
struct Shared {
    Limits limits;
    dpsup::http::Handler* handler = nullptr;  // null: the server is gone
    bool leaving = false;                     // no connection is kept for another request
    std::vector<std::shared_ptr<Session>> sessions;
    std::size_t streams = 0;
    std::size_t unread = 0;  // bytes of all sessions that the kernel has not taken yet
    std::uint64_t turn = 0;  // counts state changes, so that "oldest" has a meaning
};

class Session final : public dpsup::http::Stream, public std::enable_shared_from_this<Session> {
public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using Error = boost::system::error_code;
    enum class State : std::uint8_t { idle, reading, answering, writing, streaming, draining, closed };

    Session(Socket socket, dpsup::http::Peer peer, std::shared_ptr<Shared> shared);

    void start();
    void close();
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] std::uint64_t since() const { return since_; }  // in turns

    // For the exchange of request `number`; ignored where that one is over.
    void reply(std::uint64_t number, dpsup::http::Reply reply);
    bool begin_stream(std::uint64_t number, std::string_view content_type, std::string first,
                      std::string heartbeat);
    [[nodiscard]] std::weak_ptr<void> alive() const { return alive_; }

    bool write(std::string_view text) override;

    // Once Shared::leaving is set: what is under way comes to its end, and then so does the connection.
    void leave();
    // Nothing of ours is on its way to the peer any more, nor will be.
    [[nodiscard]] bool has_said_all() const { return state_ == State::draining || state_ == State::closed; }

private:
    static constexpr std::size_t keep_max = 4096;  // what an idle connection may keep of its buffers

    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Response = boost::beast::http::response<boost::beast::http::string_body>;

    void enter(State state, Duration deadline);
    void on_deadline();
    void beat();
    void await_request();
    void read_header();
    void read_body();
    [[nodiscard]] bool body_is_plain() const;
    void refuse(const Error& error);
    void answer();
    void notice_hangup();
    void send(dpsup::http::Reply reply, bool keep_alive);
    void written(const Error& error, bool keep_alive);
    void say_no_more();
    void drain();
    void append(std::string_view text);
    void flush();
    void count_unread();
    void bound_unread();
    [[nodiscard]] std::size_t streams_of_user() const;

    Socket socket_;
    boost::asio::steady_timer timer_;
    dpsup::http::Peer peer_;
    std::shared_ptr<Shared> shared_;
    State state_ = State::idle;
    std::uint64_t since_ = 0;

    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::optional<Response> response_;
    std::uint64_t number_ = 0;     // of the request that was taken last
    std::shared_ptr<void> alive_;  // held while somebody waits for the answer
    bool keep_alive_ = false;
    bool chunked_ = true;          // false: an HTTP/1.0 client, which reads a stream up to its end
    bool hangup_noticed_ = false;  // a wait for the peer's end is under way
    std::size_t drained_ = 0;

    std::string pending_;    // of a stream: not yet handed to the kernel
    std::string in_flight_;  // being written
    std::size_t written_ = 0;
    std::size_t unread_ = 0;  // our share of Shared::unread
    std::string heartbeat_;
    bool ending_ = false;  // the stream: all is queued
    bool active_ = false;  // something was written since the last beat
    Duration stalled_{};
};

}  // namespace dpsup::io::http
