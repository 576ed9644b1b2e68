#include "io/http/transport_error.hpp"

namespace dpsup::io::http {

dpsup::http::Reply transport_error(unsigned status, std::string_view code, std::string_view message,
                                   std::string_view hint) {
    dpsup::http::Reply reply;
    reply.status = status;
    reply.body.append(R"({"error":{"code":")").append(code).append(R"(","message":")").append(message);
    reply.body.append(R"(","hint":")").append(hint).append("\"}}\n");
    return reply;
}

dpsup::http::Reply no_answer() {
    return transport_error(500, "internal_error", "the daemon took the request but gave no answer",
                           "see its log: journalctl -u dpsupd");
}

}  // namespace dpsup::io::http
