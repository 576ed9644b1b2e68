// libcurl's multi interface on the event loop. One transfer is one new connection: reuse would hide a server
// that no longer accepts any. Handles are pooled; what never changes is set once for each, what a probe may
// set is set for each transfer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace dpsup::io {

struct CurlLibrary;

struct HttpRequest {
    std::string url;
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::string> addresses;  // of the URL's host; empty: curl knows (it is numeric)
    std::string host_and_port;           // "db1:80", with `addresses`
    bool tls_verify = true;
    std::string ca_file;
};

// How a transfer ended. Kept free of curl's header.
struct HttpReply {
    enum class End : std::uint8_t {
        complete,
        cut,         // the answer was longer than we read; status and the first part of the body are there
        no_connect,  // error_number says why
        no_socket,   // this daemon got no socket: error_number says why
        unresolved,
        closed,  // before the answer was complete, or before it began
        not_http,
        tls,      // the handshake or the certificate; `text` says what
        ca_file,  // cannot be read
        broken,   // in some other way, after the connection stood; `text` says how
        other,    // in some other way, before; `text` says how
    };

    End end = End::other;
    long status = 0;
    std::string body;  // at most HttpClient::body_max
    int error_number = 0;
    std::string text;
};

enum class HttpStage : std::uint8_t { connecting, handshaking, waiting, reading };

class HttpTransfer {
public:
    virtual ~HttpTransfer() = default;  // gives up
    [[nodiscard]] virtual HttpStage stage() const = 0;
    [[nodiscard]] virtual long status() const = 0;  // once headers have come, else 0
};

class HttpClient {
public:
    static constexpr std::size_t body_max = 64 * 1024;

    HttpClient(boost::asio::io_context& loop, std::shared_ptr<const CurlLibrary> curl);
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    ~HttpClient();

    // `done` comes once, later, unless the transfer is destroyed before; it may destroy the transfer.
    // nullptr: no memory. The transfer must not outlive the client.
    [[nodiscard]] std::unique_ptr<HttpTransfer> start(const HttpRequest& request,
                                                      std::function<void(HttpReply)> done);

private:
    class Loop;
    class Transfer;
    std::unique_ptr<Loop> loop_;
};

}  // namespace dpsup::io
