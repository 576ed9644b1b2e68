#include "io/probe/http_loop.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace dpsup::io {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Wait = asio::socket_base::wait_type;

CurlLoop::CurlLoop(asio::io_context& loop, std::shared_ptr<const CurlLibrary> curl, Ended ended)
    : loop_(loop),
      curl_(std::move(curl)),
      ended_(std::move(ended)),
      multi_(curl_->multi_init()),
      timer_(loop) {
    if (multi_ == nullptr) return;
    curl_->multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
    curl_->multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_->multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
    curl_->multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_->multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

CurlLoop::~CurlLoop() {
    if (multi_ != nullptr) curl_->multi_cleanup(multi_);
}

bool CurlLoop::add(CURL* easy) {
    if (curl_->multi_add_handle(multi_, easy) != CURLM_OK) return false;
    kick();
    return true;
}

int CurlLoop::open_socket(const curl_sockaddr& address) {
    auto socket = std::make_shared<Socket>(loop_);
    boost::system::error_code error;
    socket->handle.open({address.family, address.protocol}, error);
    if (error) {
        errno = error.value();
        return -1;
    }
    const int fd = socket->handle.native_handle();
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets_[fd] = std::move(socket);
    return fd;
}

void CurlLoop::close_socket(int fd) {
    sockets_.erase(fd);
}  // its destructor closes it

bool CurlLoop::is_connected(int fd) const {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return false;
    boost::system::error_code error;
    (void)found->second->handle.remote_endpoint(error);
    return !error;
}

int CurlLoop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& loop = *static_cast<CurlLoop*>(self);
    const auto found = loop.sockets_.find(fd);
    if (found == loop.sockets_.end()) return 0;
    Socket& socket = *found->second;
    socket.wanted = what == CURL_POLL_REMOVE ? CURL_POLL_NONE : what;
    if (what == CURL_POLL_OUT && !std::exchange(socket.tried, true))
        loop.new_sockets_.push_back(fd);
    else
        loop.arm(fd, found->second);
    return 0;
}

void CurlLoop::arm(int fd, const std::shared_ptr<Socket>& socket) {
    const auto handler = [this, fd, weak = std::weak_ptr(socket)](int direction) {
        return [this, fd, weak, direction](const boost::system::error_code& error) {
            const auto alive = weak.lock();
            if (alive && error != asio::error::operation_aborted) ready(fd, alive, direction);
        };
    };
    if ((socket->wanted & CURL_POLL_IN) != 0 && !socket->waits_for_input) {
        socket->waits_for_input = true;
        socket->handle.async_wait(Wait::wait_read, handler(CURL_CSELECT_IN));
    }
    if ((socket->wanted & CURL_POLL_OUT) != 0 && !socket->waits_for_output) {
        socket->waits_for_output = true;
        socket->handle.async_wait(Wait::wait_write, handler(CURL_CSELECT_OUT));
    }
}

// A wait that curl no longer wants is left to fire once, and is not told to curl.
void CurlLoop::ready(int fd, const std::shared_ptr<Socket>& socket, int direction) {
    const bool input = direction == CURL_CSELECT_IN;
    (input ? socket->waits_for_input : socket->waits_for_output) = false;
    if ((socket->wanted & (input ? CURL_POLL_IN : CURL_POLL_OUT)) == 0) return;
    const std::weak_ptr loop_alive = alive_;
    drive(fd, direction);
    if (!loop_alive.expired() && socket->handle.is_open()) arm(fd, socket);
}

void CurlLoop::drive(int fd, int events) {
    act(fd, events);
    try_new_sockets();
    const std::weak_ptr alive = alive_;
    int left = 0;
    while (!alive.expired()) {
        const CURLMsg* message = curl_->multi_info_read(multi_, &left);
        if (message == nullptr) return;
        if (message->msg == CURLMSG_DONE) ended_(message->easy_handle, message->data.result);
    }
}

void CurlLoop::act(int fd, int events) {
    int running = 0;
    curl_->multi_socket_action(multi_, fd, events, &running);
}

// On this host a connection stands as soon as it is asked for. Telling curl so at once saves a turn of the
// loop.
void CurlLoop::try_new_sockets() {
    for (std::size_t i = 0; i < new_sockets_.size(); ++i) {
        const int fd = new_sockets_[i];
        act(fd, CURL_CSELECT_OUT);
        const auto found = sockets_.find(fd);
        if (found != sockets_.end()) arm(fd, found->second);
    }
    new_sockets_.clear();
}

// New transfers begin when curl is told that time has passed; many at once need to be told once.
void CurlLoop::kick() {
    if (std::exchange(kicked_, true)) return;
    asio::post(loop_, [this, alive = std::weak_ptr(alive_)] {
        if (alive.expired()) return;
        kicked_ = false;
        drive(CURL_SOCKET_TIMEOUT, 0);
    });
}

int CurlLoop::on_timer(CURLM*, long timeout_ms, void* self) {
    static_cast<CurlLoop*>(self)->set_timer(timeout_ms);
    return 0;
}

// curl moves its timer with nearly every step, mostly away from now. A timer that fires too early costs less
// than one that is set again each time.
void CurlLoop::set_timer(long timeout_ms) {
    if (timeout_ms == 0) return kick();
    due_ = timeout_ms < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(timeout_ms);
    if (timeout_ms < 0 || (timer_waits_ && timer_.expiry() <= due_)) return;
    timer_.expires_at(due_);
    wait_for_timer();
}

void CurlLoop::wait_for_timer() {
    timer_waits_ = true;
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;  // set to another time, or this object has gone
        timer_waits_ = false;
        if (due_ == Clock::time_point::max()) return;
        if (Clock::now() >= due_) {
            due_ = Clock::time_point::max();
            return drive(CURL_SOCKET_TIMEOUT, 0);
        }
        timer_.expires_at(due_);
        wait_for_timer();
    });
}

}  // namespace dpsup::io
