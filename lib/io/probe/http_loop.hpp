// libcurl's sockets and its one timer on an asio loop. Internal to the http client: it includes the heavy
// headers that http_client.hpp hides.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "io/probe/curl_library.hpp"

namespace dpsup::io {

class CurlLoop {
public:
    // `ended` hears of every transfer that ended by itself; it may remove handles, this one too.
    using Ended = std::function<void(CURL*, CURLcode)>;

    CurlLoop(boost::asio::io_context& loop, std::shared_ptr<const CurlLibrary> curl, Ended ended);
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;
    ~CurlLoop();

    [[nodiscard]] bool usable() const { return multi_ != nullptr; }
    [[nodiscard]] bool add(CURL* easy);
    void remove(CURL* easy) { curl_->multi_remove_handle(multi_, easy); }

    // For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION: asio opens the socket and owns it, so
    // that closing it is one system call. -1: errno says why.
    [[nodiscard]] int open_socket(const curl_sockaddr& address);
    void close_socket(int fd);
    // Whether a socket of open_socket's has reached the other side; not once it is closed.
    [[nodiscard]] bool is_connected(int fd) const;

private:
    struct Socket {
        explicit Socket(boost::asio::io_context& loop) : handle(loop) {}
        boost::asio::generic::stream_protocol::socket handle;
        int wanted = CURL_POLL_NONE;
        bool tried = false;  // whether it is writable was asked without waiting
        bool waits_for_input = false;
        bool waits_for_output = false;
    };
    using Sockets = std::unordered_map<int, std::shared_ptr<Socket>>;

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
    static int on_timer(CURLM* multi, long timeout_ms, void* self);

    void arm(int fd, const std::shared_ptr<Socket>& socket);
    void ready(int fd, const std::shared_ptr<Socket>& socket, int direction);
    void drive(int fd, int events);
    void act(int fd, int events);
    void try_new_sockets();
    void kick();
    void set_timer(long timeout_ms);
    void wait_for_timer();

    boost::asio::io_context& loop_;
    std::shared_ptr<const CurlLibrary> curl_;
    Ended ended_;
    CURLM* multi_ = nullptr;
    Sockets sockets_;
    std::vector<int> new_sockets_;  // that wait to be connected, and were not tried
    boost::asio::steady_timer timer_;
    std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::time_point::max();
    bool timer_waits_ = false;
    bool kicked_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // for handlers that outlive this object
};

}  // namespace dpsup::io
