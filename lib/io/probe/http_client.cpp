#include "io/probe/http_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_set>
#include <vector>

#include "io/probe/http_loop.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t headers_max = 64 * 1024;  // bytes of one answer's headers
constexpr std::size_t idle_handles_max = 16;
constexpr long buffer_size = 4096;

}  // namespace

class HttpClient::Loop {
public:
    Loop(boost::asio::io_context& loop, std::shared_ptr<const CurlLibrary> library)
        : curl(std::move(library)),
          multi(loop, curl, [this](CURL* easy, CURLcode code) { ended(easy, code); }) {}
    ~Loop();

    [[nodiscard]] CURL* take_handle();
    void give_back(CURL* easy);

    std::shared_ptr<const CurlLibrary> curl;
    CurlLoop multi;

private:
    void ended(CURL* easy, CURLcode code);
    void set_what_never_changes(CURL* easy);

    std::vector<CURL*> idle_;
};

class HttpClient::Transfer final : public HttpTransfer {
public:
    Transfer(Loop& loop, const HttpRequest& request, std::function<void(HttpReply)> done);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() override;

    [[nodiscard]] bool begin() { return easy_ != nullptr && (running_ = loop_.multi.add(easy_)); }
    [[nodiscard]] HttpStage stage() const override;
    [[nodiscard]] long status() const override {
        return header_bytes_ > 0 ? number(CURLINFO_RESPONSE_CODE) : 0;
    }
    void ended(CURLcode code);

private:
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);

    void set_request(const HttpRequest& request);
    void set_method(const std::string& method);
    void append(curl_slist*& list, const std::string& entry);
    [[nodiscard]] long number(CURLINFO info) const;
    [[nodiscard]] HttpReply::End end_of(CURLcode code) const;

    Loop& loop_;
    std::function<void(HttpReply)> done_;
    CURL* easy_ = nullptr;
    bool running_ = false;
    bool poolable_ = true;
    curl_slist* headers_ = nullptr;
    curl_slist* addresses_ = nullptr;
    std::size_t header_bytes_ = 0;
    std::string body_;
    bool cut_ = false;
    int socket_errno_ = 0;
    std::vector<int> sockets_;
    std::array<char, CURL_ERROR_SIZE> text_{};
};

HttpClient::Loop::~Loop() {
    for (CURL* easy : idle_) curl->easy_cleanup(easy);
}

CURL* HttpClient::Loop::take_handle() {
    if (!idle_.empty()) {
        CURL* easy = idle_.back();
        idle_.pop_back();
        return easy;
    }
    CURL* easy = curl->easy_init();
    if (easy != nullptr) set_what_never_changes(easy);
    return easy;
}

void HttpClient::Loop::give_back(CURL* easy) {
    if (idle_.size() >= idle_handles_max) return curl->easy_cleanup(easy);
    idle_.push_back(easy);
}

void HttpClient::Loop::set_what_never_changes(CURL* easy) {
    const auto set = [&](CURLoption option, auto value) { curl->easy_setopt(easy, option, value); };
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");  // none, whatever the environment says
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_TCP_NODELAY, 0L);  // one small request a connection: nothing to delay, and one call less
    set(CURLOPT_BUFFERSIZE, buffer_size);
    set(CURLOPT_USERAGENT, "dpsup/" DPSUP_VERSION);
    set(CURLOPT_CLOSESOCKETDATA, &multi);
    const curl_closesocket_callback close = [](void* loop, curl_socket_t fd) {
        static_cast<CurlLoop*>(loop)->close_socket(fd);
        return 0;
    };
    set(CURLOPT_CLOSESOCKETFUNCTION, close);
}

void HttpClient::Loop::ended(CURL* easy, CURLcode code) {
    char* transfer = nullptr;
    curl->easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    reinterpret_cast<Transfer*>(transfer)->ended(code);
}

HttpClient::Transfer::Transfer(Loop& loop, const HttpRequest& request, std::function<void(HttpReply)> done)
    : loop_(loop), done_(std::move(done)), easy_(loop.take_handle()) {
    if (easy_ != nullptr) set_request(request);
}

HttpClient::Transfer::~Transfer() {
    if (running_) loop_.multi.remove(easy_);
    if (easy_ != nullptr) {
        loop_.curl->easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr);
        poolable_ ? loop_.give_back(easy_) : loop_.curl->easy_cleanup(easy_);
    }
    loop_.curl->slist_free_all(headers_);
    loop_.curl->slist_free_all(addresses_);
}

void HttpClient::Transfer::append(curl_slist*& list, const std::string& entry) {
    curl_slist* longer = loop_.curl->slist_append(list, entry.c_str());
    if (longer != nullptr) list = longer;
}

// Every option that is set here is set for every transfer, or keeps the handle out of the pool: the handle may come
// from another one.
void HttpClient::Transfer::set_request(const HttpRequest& request) {
    const auto set = [&](CURLoption option, auto value) { loop_.curl->easy_setopt(easy_, option, value); };
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_ERRORBUFFER, text_.data());
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_SSL_VERIFYPEER, request.tls_verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, request.tls_verify ? 2L : 0L);
    if (!request.ca_file.empty()) {
        // Nothing sets the authorities that libcurl was built with again: this handle is for no other transfer.
        poolable_ = false;
        set(CURLOPT_CAINFO, request.ca_file.c_str());
    }
    set_method(request.method);
    for (const auto& [name, value] : request.headers)
        append(headers_, name + (value.empty() ? ";" : ": " + value));
    append(headers_, "Connection: close");
    set(CURLOPT_HTTPHEADER, headers_);
    if (!request.addresses.empty()) {
        std::string entry = "+" + request.host_and_port + ":";
        for (const auto& address : request.addresses) {
            if (entry.back() != ':') entry += ',';
            entry += address.find(':') == std::string::npos ? address : "[" + address + "]";
        }
        append(addresses_, entry);
    }
    set(CURLOPT_RESOLVE, addresses_);
}

void HttpClient::Transfer::set_method(const std::string& method) {
    const auto set = [&](CURLoption option, auto value) { loop_.curl->easy_setopt(easy_, option, value); };
    set(CURLOPT_HTTPGET, 1L);  // also takes back what an earlier transfer set
    set(CURLOPT_CUSTOMREQUEST, nullptr);
    if (method == "GET") return;
    if (method == "HEAD") return set(CURLOPT_NOBODY, 1L);
    if (method == "POST" || method == "PUT" || method == "PATCH") {
        set(CURLOPT_POSTFIELDS, "");  // an empty body with its Content-Length
        set(CURLOPT_POSTFIELDSIZE, 0L);
        append(headers_, "Content-Type:");  // not the form that curl would claim
    }
    set(CURLOPT_CUSTOMREQUEST, method.c_str());
}

std::size_t HttpClient::Transfer::on_header(char*, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes_ += size * count;
    if (transfer.header_bytes_ <= headers_max) return size * count;
    transfer.cut_ = true;
    return 0;
}

std::size_t HttpClient::Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t room = body_max - transfer.body_.size();
    transfer.body_.append(data, std::min(size * count, room));
    if (size * count <= room) return size * count;
    transfer.cut_ = true;
    return 0;
}

curl_socket_t HttpClient::Transfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    const int fd = transfer.loop_.multi.open_socket(*address);
    if (fd < 0) transfer.socket_errno_ = errno;
    if (fd >= 0) transfer.sockets_.push_back(fd);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

long HttpClient::Transfer::number(CURLINFO info) const {
    long value = 0;
    loop_.curl->easy_getinfo(easy_, info, &value);
    return value;
}

HttpStage HttpClient::Transfer::stage() const {
    if (header_bytes_ > 0) return HttpStage::reading;
    curl_off_t ready = 0;
    loop_.curl->easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &ready);
    if (ready > 0) return HttpStage::waiting;
    // Since libcurl 8 its own answer comes only after the handshake.
    const bool connected = number(CURLINFO_LOCAL_PORT) > 0 || std::ranges::any_of(sockets_, [&](int fd) {
                               return loop_.multi.is_connected(fd);
                           });
    return connected ? HttpStage::handshaking : HttpStage::connecting;
}

HttpReply::End HttpClient::Transfer::end_of(CURLcode code) const {
    using End = HttpReply::End;
    if (code == CURLE_OK) return End::complete;
    if (cut_) return End::cut;
    if (code == CURLE_COULDNT_CONNECT) return socket_errno_ != 0 ? End::no_socket : End::no_connect;
    if (code == CURLE_COULDNT_RESOLVE_HOST) return End::unresolved;
    if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
        code == CURLE_PARTIAL_FILE)
        return End::closed;
    if (code == CURLE_SSL_CACERT_BADFILE) return End::ca_file;
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION) return End::tls;
    if (stage() == HttpStage::connecting) return End::other;
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) return End::not_http;
    return End::broken;
}

void HttpClient::Transfer::ended(CURLcode code) {
    HttpReply reply;
    reply.end = end_of(code);
    reply.status = status();
    reply.body = std::move(body_);
    reply.error_number = socket_errno_ != 0 ? socket_errno_ : static_cast<int>(number(CURLINFO_OS_ERRNO));
    reply.text = text_[0] != '\0' ? text_.data() : loop_.curl->easy_strerror(code);
    loop_.multi.remove(easy_);
    running_ = false;
    const auto done = std::move(done_);
    done(std::move(reply));
}

HttpClient::HttpClient(boost::asio::io_context& loop, std::shared_ptr<const CurlLibrary> curl)
    : loop_(std::make_unique<Loop>(loop, std::move(curl))) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpTransfer> HttpClient::start(const HttpRequest& request,
                                                std::function<void(HttpReply)> done) {
    if (!loop_->multi.usable()) return nullptr;
    auto transfer = std::make_unique<Transfer>(*loop_, request, std::move(done));
    if (!transfer->begin()) return nullptr;
    return transfer;
}

}  // namespace dpsup::io
