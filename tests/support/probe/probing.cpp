#include "support/probe/probing.hpp"

#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>

namespace dpsup::io {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

Probing::Probing(ProbeLimits limits) {
    const auto answer = [this](ServiceId service, Generation generation, core::Probed probed) {
        answers.push_back({service, generation, std::move(probed), std::chrono::steady_clock::now()});
    };
    const auto exec = [this](const ExecRequest& request, ExecEvents events) {
        commands.push_back(request);
        return launcher(request, std::move(events));
    };
    runner = std::make_unique<ProbeRunner>(loop, answer, exec, limits);
}

void Probing::begin(const config::ProbeTarget& target, Duration timeout, std::uint32_t service,
                    const OutputPlace& output) {
    runner->run(ServiceId{service}, Generation{7}, {.probe = 3, .sequence = ++sequence, .timeout = timeout},
                target, output);
}

void Probing::wait_for(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    loop.restart();
    while (answers.size() < count && std::chrono::steady_clock::now() < end) loop.run_one_until(end);
    ASSERT_GE(answers.size(), count) << "answers did not come within 20 s";
}

core::Probed Probing::ask(const config::ProbeTarget& target, Duration timeout) {
    const std::size_t before = answers.size();
    begin(target, timeout);
    wait_for(before + 1);
    if (answers.size() <= before) return {};
    const auto& answer = answers.back();
    EXPECT_EQ(answer.service, ServiceId{1});
    EXPECT_EQ(answer.generation, Generation{7});
    EXPECT_EQ(answer.probed.probe, 3u);
    EXPECT_EQ(answer.probed.sequence, sequence);
    return answer.probed;
}

testing::AssertionResult is(const core::Probed& probed, ProbeOutcome outcome) {
    if (probed.outcome == outcome) return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "outcome " << static_cast<int>(probed.outcome) << ": " << probed.detail;
}

class Server::Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Protocol::socket socket, std::shared_ptr<State> state)
        : socket_(std::move(socket)), timer_(socket_.get_executor()), state_(std::move(state)) {}

    void start() {
        if (!state_->behaviour.waits_for_request) answer();
        read();
    }

private:
    void read() {
        socket_.async_read_some(
            asio::buffer(data_), [self = shared_from_this()](const ErrorCode& error, auto count) {
                if (error) return;
                self->state_->request.append(self->data_.data(), count);
                if (self->state_->behaviour.waits_for_request && !std::exchange(self->answered_, true))
                    self->answer();
                self->read();
            });
    }

    void answer() {
        if (!state_->behaviour.answers) return;
        timer_.expires_after(state_->behaviour.delay);
        timer_.async_wait([self = shared_from_this()](const ErrorCode&) { self->write(); });
    }

    void write() {
        asio::async_write(socket_, asio::buffer(state_->behaviour.answer),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                              if (!error && self->state_->behaviour.repeats) return self->write();
                              ErrorCode ignored;
                              if (error || self->state_->behaviour.closes) self->socket_.close(ignored);
                          });
    }

    Protocol::socket socket_;
    asio::steady_timer timer_;
    std::shared_ptr<State> state_;
    std::array<char, 4096> data_{};
    bool answered_ = false;
};

Server::Server(asio::io_context& loop, Behaviour behaviour, const std::string& unix_path)
    : loop_(loop), state_(std::make_shared<State>()), acceptor_(loop) {
    state_->behaviour = std::move(behaviour);
    const Protocol::endpoint endpoint =
        unix_path.empty()
            ? Protocol::endpoint(asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0))
            : Protocol::endpoint(asio::local::stream_protocol::endpoint(unix_path));
    acceptor_.open(endpoint.protocol());
    acceptor_.bind(endpoint);
    acceptor_.listen();
    if (unix_path.empty()) {
        asio::ip::tcp::endpoint bound;
        bound.resize(acceptor_.local_endpoint().size());
        std::memcpy(bound.data(), acceptor_.local_endpoint().data(), bound.size());
        port_ = bound.port();
    }
    accept();
}

void Server::accept() {
    acceptor_.async_accept([this](const ErrorCode& error, Protocol::socket socket) {
        if (error) return;
        ++state_->connections;
        std::make_shared<Connection>(std::move(socket), state_)->start();
        accept();
    });
}

std::string Server::url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::string http_answer(const std::string& status, const std::string& body, const std::string& headers) {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
           "\r\n" + body;
}

TemporaryDirectory::TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "dpsup-probe-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace dpsup::io
