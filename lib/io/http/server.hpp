// HTTP/1.1 over the control socket. It owns all that is about bytes and time: parsing, limits, time-outs,
// slow and hostile peers. What a request means is the handler's business. One thread: the io_context's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/http.hpp"
#include "base/time.hpp"
#include "io/http/listener.hpp"

namespace boost::asio {
class io_context;
}

namespace dpsup::io::http {

struct Limits {
    std::size_t header_max = std::size_t{64} * 1024;  // beyond: 431
    std::size_t body_max = std::size_t{64} * 1024;    // beyond: 413
    std::size_t connections_max = 1100;               // when full, the oldest that asks nothing is closed
    std::size_t stream_buffer_max =
        std::size_t{2} * 1024 * 1024;  // unread text of one stream, after its first
    // Unread replies and streams, all together: beyond, whoever leaves most unread is closed.
    std::size_t unread_max = std::size_t{32} * 1024 * 1024;
    std::size_t streams_max = 64;                         // beyond: 503
    std::size_t streams_per_user_max = 16;                // beyond: 503
    Duration request_timeout = std::chrono::seconds(10);  // first byte to last of a request; beyond: 408
    Duration idle_timeout = std::chrono::seconds(60);     // between requests
    Duration write_timeout = std::chrono::seconds(60);    // of one reply; of a stream without any progress
    Duration heartbeat = std::chrono::seconds(15);        // longest silence of a stream
};

// For a process that may have so many descriptors open: its connections never take more than half of them, and leave 64
// to the rest of it where there are that many.
[[nodiscard]] Limits limits_for(std::uint64_t descriptors);

class Server {
public:
    // `handler` and `context` outlive the server.
    Server(boost::asio::io_context& context, Listener listener, dpsup::http::Handler& handler,
           Limits limits = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // Closes the socket and all connections; askers that wait are told nothing more.
    void stop();

    // Ends in order, so that another program in this process may go on with the socket: nobody is accepted any more (who
    // comes now waits in the kernel), replies under way are finished, streams end, connections without a request close.
    void leave();
    // Whether whoever was there has got all that he will get.
    [[nodiscard]] bool has_left() const;
    // It was not to be: accepts again.
    void resume();

    [[nodiscard]] std::size_t connections() const;

private:
    class Acceptor;
    std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace dpsup::io::http
