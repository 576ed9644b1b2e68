// A server on a socket of its own, with its loop on a thread of its own, as long as this lives.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "io/http/server.hpp"
#include "support/temporary_folder.hpp"

namespace dpsup::test {

class RunningServer {
public:
    // Runs `work` on the loop's thread and waits for its result.
    template <class Work>
    auto on_loop(Work work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto result = task.get_future();
        boost::asio::post(context_, [&task] { task(); });
        if (result.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
            throw std::runtime_error("the loop hangs");
        return result.get();
    }

    RunningServer(http::Handler& handler, io::http::Limits limits)
        : server_(std::make_unique<io::http::Server>(context_, listen(), handler, limits)),
          work_(boost::asio::make_work_guard(context_)),
          thread_([this] { context_.run(); }) {}
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() {
        on_loop([this] { server_.reset(); });
        work_.reset();
        thread_.join();
    }

    [[nodiscard]] std::string path() const { return folder_.file("control.sock"); }

    std::size_t connections() {
        return on_loop([this] { return server_->connections(); });
    }

    void leave() {
        on_loop([this] { server_->leave(); });
    }
    bool has_left() {
        return on_loop([this] { return server_->has_left(); });
    }
    void resume() {
        on_loop([this] { server_->resume(); });
    }

    // Waits until as many connections are open; false after five seconds.
    bool settles_at(std::size_t count) {
        for (int i = 0; i < 500; ++i) {
            if (connections() == count) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }

private:
    io::http::Listener listen() {
        auto listener = io::http::Listener::create(path());
        if (!listener) throw std::runtime_error(listener.error().message);
        return std::move(*listener);
    }

    TemporaryFolder folder_;
    boost::asio::io_context context_{1};
    std::unique_ptr<io::http::Server> server_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

}  // namespace dpsup::test
