#include "io/state/state_codec.hpp"

#include <boost/json.hpp>

#include "io/state/record_file.hpp"

namespace dpsup::io {
namespace {

namespace json = boost::json;

constexpr std::int64_t state_version = 1;

tl::unexpected<Error> damaged(const std::string& origin, const std::string& what) {
    return fail("state_damaged", origin + ": " + what,
                "dpsup will not guess which services were stopped by hand: restore the file, or move it away "
                "to start "
                "with nothing remembered");
}

Result<RememberedService> decode_service(const json::object& entry, const std::string& origin,
                                         const std::string& name) {
    RememberedService service;
    for (const auto& field : entry) {
        const json::string* text = field.value().if_string();
        if (text == nullptr) return damaged(origin, "services." + name + ": expected text");
        if (field.key() == "wanted" && (*text == "up" || *text == "down"))
            service.wanted_up = *text == "up";
        else if (field.key() == "done_as")
            service.done_as = std::string(*text);
        else
            return damaged(origin, "services." + name + ": unknown " + std::string(field.key()));
    }
    return service;
}

}  // namespace

std::string encode_state(const Remembered& remembered) {
    json::object services;
    for (const auto& [name, service] : remembered) {
        json::object entry;
        if (service.wanted_up) entry["wanted"] = *service.wanted_up ? "up" : "down";
        if (!service.done_as.empty()) entry["done_as"] = service.done_as;
        if (!entry.empty()) services[name] = std::move(entry);
    }
    return json::serialize(json::object{{"version", state_version}, {"services", std::move(services)}}) +
           "\n";
}

Result<Remembered> decode_state(std::string_view text, const std::string& origin) {
    boost::system::error_code error;
    const json::value document = json::parse(text, error);
    if (error || !document.is_object()) return damaged(origin, "is not a dpsup state file");
    const json::value* version = document.as_object().if_contains("version");
    if (version == nullptr || !version->is_int64()) return damaged(origin, "has no version");
    if (version->as_int64() > state_version) return state_too_new(origin, version->as_int64());
    const json::value* services = document.as_object().if_contains("services");
    if (services == nullptr || !services->is_object()) return damaged(origin, "has no services");
    Remembered remembered;
    for (const auto& field : services->as_object()) {
        const std::string name = field.key();
        if (!field.value().is_object()) return damaged(origin, "services." + name + ": expected a table");
        Result<RememberedService> service = decode_service(field.value().as_object(), origin, name);
        if (!service) return tl::unexpected(service.error());
        remembered[name] = std::move(*service);
    }
    return remembered;
}

}  // namespace dpsup::io
