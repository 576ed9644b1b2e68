#include "io/probe/stream_attempt.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "io/answers.hpp"

namespace dpsup::io {
namespace {

namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;
using ErrorCode = boost::system::error_code;

constexpr std::size_t reply_max = 64 * 1024;

class StreamAttempt : public Attempt, public std::enable_shared_from_this<StreamAttempt> {
public:
    StreamAttempt(asio::io_context& loop, std::string send, std::string expect, Done done)
        : Attempt(std::move(done)), socket_(loop), send_(std::move(send)), expect_(std::move(expect)) {}

    [[nodiscard]] Verdict timed_out(const std::string& text) const override;

protected:
    enum class Stage : std::uint8_t { resolving, connecting, talking };

    void release() override;
    void connect_to(std::vector<Protocol::endpoint> endpoints);

    Stage stage = Stage::resolving;

private:
    void connect_next();
    void refused(int error_number);
    void connected();
    void read();
    void took(const ErrorCode& error, std::size_t count);
    [[nodiscard]] std::string expectation() const;

    // A handler that does nothing once this attempt is over.
    template <class Handler>
    auto unless_over(Handler handler) {
        return [self = shared_from_this(), handler](const ErrorCode& error, auto... rest) {
            if (!self->over()) handler(error, rest...);
        };
    }

    Protocol::socket socket_;
    std::string send_;
    std::string expect_;
    std::vector<Protocol::endpoint> endpoints_;
    std::size_t next_ = 0;
    int first_error_ = 0;
    std::string received_;
    std::array<char, 4096> buffer_{};
};

void StreamAttempt::release() {
    ErrorCode ignored;
    socket_.close(ignored);
}

void StreamAttempt::connect_to(std::vector<Protocol::endpoint> endpoints) {
    stage = Stage::connecting;
    endpoints_ = std::move(endpoints);
    connect_next();
}

void StreamAttempt::connect_next() {
    if (next_ == endpoints_.size()) return finish(verdict_of_errno(first_error_));
    const auto& endpoint = endpoints_[next_++];
    ErrorCode error;
    socket_.close(error);
    socket_.open(endpoint.protocol(), error);
    if (!error) socket_.native_non_blocking(true, error);
    if (error) return refused(error.value());
    ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
    if (endpoint.protocol().family() == AF_UNIX) {
        // Never in progress: it is done at once, or the accept queue is full (EAGAIN), which asio takes for
        // success.
        const auto size = static_cast<socklen_t>(endpoint.size());
        const bool done = ::connect(socket_.native_handle(), endpoint.data(), size) == 0;
        return done ? connected() : refused(errno);
    }
    socket_.async_connect(endpoint, unless_over([this](const ErrorCode& result) {
                              result ? refused(result.value()) : connected();
                          }));
}

void StreamAttempt::refused(int error_number) {
    if (first_error_ == 0) first_error_ = error_number;
    connect_next();
}

void StreamAttempt::connected() {
    stage = Stage::talking;
    if (!send_.empty()) {
        const auto wrote = [this](const ErrorCode& error, std::size_t) {
            if (error && expect_.empty()) return finish(failed(errno_text(error.value())));
            if (expect_.empty()) finish(passed("connected, sent"));
        };
        asio::async_write(socket_, asio::buffer(send_), unless_over(wrote));
    } else if (expect_.empty()) {
        return finish(passed("connected"));
    }
    if (!expect_.empty()) read();
}

void StreamAttempt::read() {
    socket_.async_read_some(
        asio::buffer(buffer_),
        unless_over([this](const ErrorCode& error, std::size_t count) { took(error, count); }));
}

void StreamAttempt::took(const ErrorCode& error, std::size_t count) {
    received_.append(buffer_.data(), count);
    if (received_.find(expect_) != std::string::npos) return finish(passed("answered " + excerpt(expect_)));
    if (error == asio::error::eof) return finish(failed(expectation()));
    if (error) return finish(failed(expectation() + ": " + errno_text(error.value())));
    if (received_.size() >= reply_max) return finish(failed(expectation() + " and 64 KiB more"));
    read();
}

std::string StreamAttempt::expectation() const {
    return "expected " + excerpt(expect_) + ", got " + excerpt(received_);
}

Verdict StreamAttempt::timed_out(const std::string& text) const {
    switch (stage) {
        case Stage::resolving:
            return unknown(text + ", resolving the host's name");
        case Stage::connecting:
            return failed(text + ", connecting");
        case Stage::talking:
            return failed(text + (expect_.empty() ? ", connected, sending" : ", " + expectation()));
    }
    return failed(text);
}

class TcpAttempt final : public StreamAttempt {
public:
    TcpAttempt(asio::io_context& loop, Resolver& resolver, const config::TcpProbe& probe, Done done)
        : StreamAttempt(loop, probe.send, probe.expect, std::move(done)),
          resolver_(resolver),
          host_(probe.host),
          port_(probe.port) {}

    void start() override {
        resolver_.resolve(host_, [weak = weak_from_this()](const Result<Addresses>& addresses) {
            const auto self = std::static_pointer_cast<TcpAttempt>(weak.lock());
            if (!self || self->over()) return;
            if (!addresses) return self->finish(unknown(addresses.error().message));
            self->connect(*addresses);
        });
    }

private:
    void connect(const Addresses& addresses) {
        std::vector<Protocol::endpoint> endpoints;
        for (const auto& text : addresses) {
            ErrorCode error;
            const auto address = asio::ip::make_address(text, error);
            if (!error) endpoints.emplace_back(asio::ip::tcp::endpoint(address, port_));
        }
        if (endpoints.empty()) return finish(unknown("no address for " + host_));
        connect_to(std::move(endpoints));
    }

    Resolver& resolver_;
    std::string host_;
    std::uint16_t port_;
};

class UnixAttempt final : public StreamAttempt {
public:
    UnixAttempt(asio::io_context& loop, const config::UnixProbe& probe, Done done)
        : StreamAttempt(loop, probe.send, probe.expect, std::move(done)), path_(probe.path) {}

    void start() override {
        constexpr std::size_t length_max = 107;
        if (path_.size() > length_max) return finish(unknown("the socket's path is longer than 107 bytes"));
        if (!path_.starts_with('@') && !answers(path_))
            return finish(unknown("the socket's file system does not answer"));
        if (path_.starts_with('@')) path_[0] = '\0';  // Linux' abstract sockets, written as everywhere
        connect_to({asio::local::stream_protocol::endpoint(path_)});
    }

private:
    std::string path_;
};

}  // namespace

std::shared_ptr<Attempt> tcp_attempt(asio::io_context& loop, Resolver& resolver,
                                     const config::TcpProbe& probe, Attempt::Done done) {
    return std::make_shared<TcpAttempt>(loop, resolver, probe, std::move(done));
}

std::shared_ptr<Attempt> unix_attempt(asio::io_context& loop, const config::UnixProbe& probe,
                                      Attempt::Done done) {
    return std::make_shared<UnixAttempt>(loop, probe, std::move(done));
}

}  // namespace dpsup::io
