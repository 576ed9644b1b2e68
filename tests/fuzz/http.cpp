// Any bytes on the control socket: the transport, the routes and the decoders behind them, over a real socket pair.
// Whatever comes, the connection is gone once its peer is.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string_view>

#include "control/api.hpp"
#include "io/http/session.hpp"
#include "support/fake_backend.hpp"

namespace {

using namespace dpsup;
namespace asio = boost::asio;

struct World {
    World() : api(backend, control::Roles({}, 1), "1") {
        for (const auto* name : {"web", "db", "slow"}) backend.add(name);
    }
    test::FakeBackend backend;
    control::Api api;
};

void discard(int fd) {
    std::array<char, 65536> buffer;
    while (::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) continue;
}

void talk(asio::io_context& context, int fd, std::string_view bytes) {
    for (int idle = 0; !bytes.empty() && idle < 100; ++idle) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            idle = 0;
        } else if (errno != EAGAIN) {
            break;
        }
        context.poll();
        discard(fd);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    asio::io_context context(1);
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) std::abort();
    const auto shared = std::make_shared<io::http::Shared>();
    shared->handler = &world.api;
    io::http::Session::Socket socket(context, asio::local::stream_protocol(), pair[0]);
    const auto session =
        std::make_shared<io::http::Session>(std::move(socket), http::Peer{0, 0, 0, {}}, shared);
    shared->sessions.push_back(session);
    session->start();

    talk(context, pair[1], {reinterpret_cast<const char*>(data), size});
    if (size % 2 == 0) ::shutdown(pair[1], SHUT_WR);
    context.poll();
    discard(pair[1]);
    ::close(pair[1]);
    for (int i = 0; i < 100 && !shared->sessions.empty(); ++i) context.poll();
    if (!shared->sessions.empty()) std::abort();
    return 0;
}
