// The real control API on a real socket, over a FakeBackend: what dpsupctl is tested and timed against.
// Usage: fake_dpsupd SOCKET [COUNT [LOG_FILE]]. Prints "ready" once it answers; ends with its standard input.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>

#include "control/api.hpp"
#include "io/http/server.hpp"
#include "support/fake_backend.hpp"

namespace {

void run(dpsup::io::http::Listener listener, std::size_t count, const std::string& log_file) {
    boost::asio::io_context context(1);
    dpsup::test::FakeBackend backend;
    dpsup::test::populate(backend, count);
    if (!log_file.empty()) backend.log = {"file", log_file, ""};
    backend.add("slow-one");
    dpsup::control::Roles roles({}, ::getuid());
    dpsup::control::Api api(backend, std::move(roles), DPSUP_VERSION);
    dpsup::io::http::Server server(context, std::move(listener), api);
    boost::asio::posix::stream_descriptor input(context, ::dup(STDIN_FILENO));
    input.async_wait(boost::asio::posix::stream_descriptor::wait_read, [&](auto) { context.stop(); });
    std::puts("ready");
    std::fflush(stdout);
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    auto listener = dpsup::io::http::Listener::create(argv[1]);
    if (!listener) {
        std::fprintf(stderr, "%s\n", listener.error().message.c_str());
        return 1;
    }
    run(std::move(*listener), argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 3, argc > 3 ? argv[3] : "");
}
