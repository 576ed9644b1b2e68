// What http probes cost: runs them through the runner at a fixed rate against a server in another process,
// and prints one JSON line. Beside it: what bare sockets cost that connect, ask, read and close in the same
// rhythm, since a new connection is most of the price.
//
// bench_probe_http [RATE] [SECONDS]
#include <arpa/inet.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "io/probe/runner.hpp"

namespace dpsup::io {
namespace {

using Clock = std::chrono::steady_clock;

struct Cost {
    long probes = 0;
    long failed = 0;
    double cpu_us = 0;  // user and system time of this process
    double seconds = 0;
};

double cpu_us() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

int listen_on_any_port(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd, generic, size) != 0 || ::listen(fd, 1024) != 0 || ::getsockname(fd, generic, &size) != 0)
        std::abort();
    port = ntohs(address.sin_port);
    return fd;
}

[[noreturn]] void serve(int listener) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    const int poll = ::epoll_create1(0);
    const auto watch = [&](int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    };
    watch(listener);
    std::array<epoll_event, 64> events{};
    std::array<char, 4096> request{};
    while (true) {
        const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                for (int peer = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK); peer >= 0;
                     peer = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK))
                    watch(peer);
                continue;
            }
            if (::read(fd, request.data(), request.size()) > 0 &&
                ::write(fd, answer.data(), answer.size()) < 0)
                std::abort();
            ::close(fd);
        }
    }
}

// Calls `one` rate times a second, evenly spread.
void at_rate(boost::asio::io_context& loop, long rate, long total, const std::function<void(long)>& one) {
    boost::asio::steady_timer timer(loop);
    const auto begun = Clock::now();
    long asked = 0;
    std::function<void()> next = [&] {
        for (; asked < total && Clock::now() >= begun + std::chrono::microseconds(1'000'000 * asked / rate);
             ++asked)
            one(asked);
        if (asked == total) return;
        timer.expires_at(begun + std::chrono::microseconds(1'000'000 * asked / rate));
        timer.async_wait([&](const boost::system::error_code&) { next(); });
    };
    next();
    loop.run();
}

Cost probe(std::uint16_t port, long rate, long seconds) {
    boost::asio::io_context loop(1);
    Cost cost;
    ProbeRunner runner(
        loop,
        [&](ServiceId, Generation, const core::Probed& probed) {
            ++cost.probes;
            if (probed.outcome != core::ProbeOutcome::passed) ++cost.failed;
        },
        nullptr);
    config::HttpProbe target;
    target.url = "http://127.0.0.1:" + std::to_string(port) + "/health";
    const auto run = [&](long number) {
        runner.run(ServiceId{static_cast<std::uint32_t>(number)}, Generation{1},
                   {.probe = 0, .sequence = 1, .timeout = std::chrono::seconds(5)}, target);
    };
    run(0);  // loads libcurl
    loop.run();
    loop.restart();
    cost = {};
    const double before = cpu_us();
    const auto begun = Clock::now();
    at_rate(loop, rate, rate * seconds, run);
    cost.cpu_us = cpu_us() - before;
    cost.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return cost;
}

// The same with nothing but system calls: a batch each 20 ms, one wait for all its answers.
Cost bare(std::uint16_t port, long rate, long seconds) {
    constexpr std::string_view request =
        "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    std::array<epoll_event, 64> events{};
    std::array<char, 4096> reply{};
    Cost cost;
    const double before = cpu_us();
    const auto begun = Clock::now();
    const long batch = std::max(1L, rate / 50);
    while (cost.probes < rate * seconds) {
        long open = 0;
        for (; open < batch; ++open) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                errno != EINPROGRESS)
                std::abort();
            if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) ++cost.failed;
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.fd = fd;
            ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        }
        while (open > 0) {
            const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i, --open, ++cost.probes) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (::recv(fd, reply.data(), reply.size(), 0) <= 0) ++cost.failed;
                ::close(fd);
            }
        }
        const auto due = begun + std::chrono::microseconds(1'000'000 * cost.probes / rate) - Clock::now();
        if (due > Clock::duration::zero())
            ::usleep(static_cast<useconds_t>(due / std::chrono::microseconds(1)));
    }
    ::close(poll);
    cost.cpu_us = cpu_us() - before;
    cost.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return cost;
}

int run(long rate, long seconds) {
    std::uint16_t port = 0;
    const int listener = listen_on_any_port(port);
    const pid_t server = ::fork();
    if (server == 0) serve(listener);
    ::close(listener);
    const Cost bare_cost = bare(port, rate, seconds);
    const Cost cost = probe(port, rate, seconds);
    ::kill(server, SIGKILL);
    ::waitpid(server, nullptr, 0);
    const auto percent = [](const Cost& c) { return c.cpu_us / 1e4 / c.seconds; };
    const auto each = [](const Cost& c) { return c.cpu_us / static_cast<double>(c.probes); };
    std::printf(
        "{\"bench\": \"probe_http\", \"rate\": %ld, \"probes\": %ld, \"failed\": %ld, \"us_each\": %.1f, "
        "\"core_percent\": %.2f, \"bare_sockets_us_each\": %.1f, \"bare_sockets_core_percent\": %.2f}\n",
        rate, cost.probes, cost.failed + bare_cost.failed, each(cost), percent(cost), each(bare_cost),
        percent(bare_cost));
    return cost.failed == 0 && bare_cost.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace dpsup::io

int main(int argc, char** argv) {
    return dpsup::io::run(argc > 1 ? std::atol(argv[1]) : 500, argc > 2 ? std::atol(argv[2]) : 10);
}
