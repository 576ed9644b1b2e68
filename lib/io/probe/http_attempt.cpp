#include "io/probe/http_attempt.hpp"

#include "base/text.hpp"
#include "io/answers.hpp"
#include "io/probe/describe.hpp"
#include "io/probe/http_check.hpp"

namespace dpsup::io {
namespace {

class HttpAttempt final : public Attempt, public std::enable_shared_from_this<HttpAttempt> {
public:
    HttpAttempt(HttpTools& tools, const config::HttpProbe& probe, Done done)
        : Attempt(std::move(done)), tools_(tools), probe_(probe) {}

    void start() override;
    [[nodiscard]] Verdict timed_out(const std::string& text) const override;

protected:
    void release() override { transfer_.reset(); }

private:
    void resolve(HttpClient& client);
    void ask(HttpClient& client, const HttpRequest& request);
    void take(const HttpReply& reply);
    [[nodiscard]] Verdict verdict_of(const HttpReply& reply) const;
    [[nodiscard]] HttpRequest request() const;

    HttpTools& tools_;
    config::HttpProbe probe_;
    std::string doing_ = "loading libcurl";  // while there is no transfer
    std::unique_ptr<HttpTransfer> transfer_;
};

void HttpAttempt::start() {
    tools_.with_client([weak = weak_from_this()](const Result<HttpClient*>& client) {
        const auto self = weak.lock();
        if (!self || self->over()) return;
        if (!client) return self->finish(unknown(client.error().message));
        self->resolve(**client);
    });
}

HttpRequest HttpAttempt::request() const {
    HttpRequest request;
    request.url = probe_.url;
    request.method = probe_.method;
    request.headers = probe_.headers;
    request.tls_verify = probe_.tls_verify;
    request.ca_file = probe_.ca_file;
    return request;
}

void HttpAttempt::resolve(HttpClient& client) {
    const auto where = host_of_url(probe_.url);
    if (where.host.empty()) return finish(unknown("the URL names no host"));
    if (Resolver::known(where.host)) return ask(client, request());  // curl knows these as we do
    doing_ = "resolving " + where.host;
    tools_.resolver.resolve(where.host,
                            [weak = weak_from_this(), &client, where](const Result<Addresses>& addresses) {
                                const auto self = weak.lock();
                                if (!self || self->over()) return;
                                if (!addresses) return self->finish(unknown(addresses.error().message));
                                auto request = self->request();
                                request.addresses = *addresses;
                                request.host_and_port = where.host + ":" + where.port;
                                self->ask(client, request);
                            });
}

void HttpAttempt::ask(HttpClient& client, const HttpRequest& request) {
    if (!request.ca_file.empty() && !answers(request.ca_file))
        return finish(unknown("the file system of ca_file " + quoted(request.ca_file) + " does not answer"));
    transfer_ = client.start(request, [this](const HttpReply& reply) { take(reply); });
    if (!transfer_) finish(unknown("no memory for a request"));
}

void HttpAttempt::take(const HttpReply& reply) {
    const auto self = shared_from_this();  // the verdict may be the last that anyone wanted of this
    finish(verdict_of(reply));
}

Verdict HttpAttempt::verdict_of(const HttpReply& reply) const {
    using End = HttpReply::End;
    const std::string status = "HTTP " + std::to_string(reply.status);
    switch (reply.end) {
        case End::complete:
            return check_http(probe_, reply.status, reply.body, false);
        case End::cut:
            if (reply.body.size() < HttpClient::body_max)
                return failed("the answer's headers are longer than 64 KiB");
            return check_http(probe_, reply.status, reply.body, true);
        case End::no_connect:
            if (reply.error_number == 0) return failed("cannot connect");
            return verdict_of_errno(reply.error_number);
        case End::no_socket:
            return unknown("cannot probe: " + errno_text(reply.error_number));
        case End::unresolved:
            return unknown(reply.text);
        case End::closed:
            if (reply.status == 0) return failed("closed the connection without an answer");
            return failed(status + ", then closed the connection in the middle of the answer");
        case End::not_http:
            return failed("answers, but not in HTTP");
        case End::tls:
            return failed("TLS: " + reply.text);
        case End::ca_file:
            return unknown("cannot read ca_file " + quoted(probe_.ca_file));
        case End::broken:
            return failed(reply.text);
        case End::other:
            return unknown("cannot probe: " + reply.text);
    }
    return unknown("cannot probe");
}

Verdict HttpAttempt::timed_out(const std::string& text) const {
    if (!transfer_) return unknown(text + ", " + doing_);
    switch (transfer_->stage()) {
        case HttpStage::connecting:
            return failed(text + ", connecting");
        case HttpStage::handshaking:
            return failed(text + ", in the TLS handshake");
        case HttpStage::waiting:
            return failed(text + ", connected but no answer");
        case HttpStage::reading:
            return failed(text + ", in the middle of the answer (HTTP " +
                          std::to_string(transfer_->status()) + ")");
    }
    return failed(text);
}

}  // namespace

void HttpTools::with_client(Use use) {
    if (client_) return use(client_.get());
    library_.with([this, use = std::move(use)](const OnDemand<CurlLibrary>::Loaded& curl) {
        if (!curl) return use(tl::unexpected(curl.error()));
        if (!client_) client_ = std::make_unique<HttpClient>(loop_, *curl);
        use(client_.get());
    });
}

std::shared_ptr<Attempt> http_attempt(HttpTools& tools, const config::HttpProbe& probe, Attempt::Done done) {
    return std::make_shared<HttpAttempt>(tools, probe, std::move(done));
}

}  // namespace dpsup::io
