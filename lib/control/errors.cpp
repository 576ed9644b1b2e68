#include "control/errors.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace dpsup::control {
namespace {

struct CodeStatus {
    std::string_view code;
    unsigned status;
};

constexpr std::array codes{
    CodeStatus{"invalid_request", 400},
    CodeStatus{"unknown_field", 400},
    CodeStatus{"forbidden", 403},
    CodeStatus{"unknown_service", 404},
    CodeStatus{"unknown_path", 404},
    CodeStatus{"method_not_allowed", 405},
    CodeStatus{"refused", 409},
    CodeStatus{"not_reached", 409},
    CodeStatus{"invalid_config", 409},
    CodeStatus{"body_too_large", 413},
    CodeStatus{"busy", 503},
    CodeStatus{"shutting_down", 503},
    CodeStatus{"reexecuting", 503},
    CodeStatus{"timeout", 504},
};

}  // namespace

unsigned http_status(std::string_view code) {
    for (const CodeStatus& known : codes)
        if (known.code == code) return known.status;
    return 500;
}

Error unknown_service(const std::string& name, const std::vector<std::string_view>& known) {
    const auto near = nearest(name, known);
    return Error{"unknown_service", "there is no service " + quoted(name),
                 near.empty() ? "see dpsupctl status for all of them" : "did you mean " + quoted(near) + "?"};
}

http::Reply error_reply(const Error& error) {
    boost::json::object body{
        {"code", error.code}, {"message", made_utf8(error.message)}, {"hint", made_utf8(error.hint)}};
    http::Reply reply;
    reply.status = http_status(error.code);
    reply.body = boost::json::serialize(boost::json::object{{"error", std::move(body)}}) + "\n";
    return reply;
}

}  // namespace dpsup::control
