#include "control/decode.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <optional>
#include <set>

#include "base/signals.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace dpsup::control {
namespace {

namespace json = boost::json;
using core::Verb;

struct VerbName {
    std::string_view name;
    Verb verb;
};
constexpr std::array verbs{VerbName{"start", Verb::start}, VerbName{"stop", Verb::stop},
                           VerbName{"restart", Verb::restart}, VerbName{"kill", Verb::kill},
                           VerbName{"reload", Verb::reload}};

std::string_view name_of(Verb verb) {
    for (const VerbName& known : verbs)
        if (known.verb == verb) return known.name;
    return "?";
}

tl::unexpected<Error> wrong_type(std::string_view field, std::string_view wanted) {
    return fail("invalid_request", quoted(field) + " must be " + std::string(wanted));
}

Result<bool> as_bool(std::string_view field, const json::value& value) {
    if (const bool* flag = value.if_bool()) return *flag;
    return wrong_type(field, "true or false");
}

Result<Duration> as_milliseconds(std::string_view field, const json::value& value) {
    constexpr std::int64_t most = 30LL * 86400 * 1000;
    if (const auto* number = value.if_int64(); number != nullptr && *number >= 0 && *number <= most)
        return std::chrono::milliseconds(*number);
    return wrong_type(field, "a whole number of milliseconds, at most 30 days");
}

Result<Duration> as_duration(std::string_view field, const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return wrong_type(field, "a duration such as \"30s\"");
    auto duration = parse_duration(*text);
    if (!duration)
        return fail("invalid_request", quoted(field) + ": " + duration.error().message,
                    duration.error().hint);
    return *duration;
}

Result<int> as_signal(const json::value& value) {
    std::optional<int> signal;
    if (const auto* text = value.if_string()) signal = parse_signal(*text);
    if (const auto* number = value.if_int64()) signal = parse_signal(std::to_string(*number));
    if (signal) return *signal;
    return wrong_type("signal", "a signal's name such as \"HUP\", or its number");
}

Result<std::vector<std::string>> as_names(std::string_view field, const json::value& value) {
    const auto* array = value.if_array();
    if (array == nullptr || array->empty()) return wrong_type(field, "a list of at least one service's name");
    std::vector<std::string> names;
    std::set<std::string_view> seen;
    for (const auto& item : *array) {
        const auto* name = item.if_string();
        if (name == nullptr || name->empty()) return wrong_type(field, "a list of services' names");
        if (seen.insert(*name).second) names.emplace_back(*name);
    }
    return names;
}

Result<Verb> as_verb(const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return wrong_type("action", "a word such as \"restart\"");
    for (const VerbName& known : verbs)
        if (known.name == std::string_view(*text)) return known.verb;
    std::array<std::string_view, verbs.size()> names;
    std::transform(verbs.begin(), verbs.end(), names.begin(),
                   [](const VerbName& known) { return known.name; });
    const auto near = nearest(*text, names);
    return fail(
        "invalid_request", quoted(*text) + " is no action",
        near.empty() ? "one of start, stop, restart, kill, reload" : "did you mean " + quoted(near) + "?");
}

// What the fields of a command do to the request. Which of them a verb knows is in `fields_of`.
struct Field {
    std::string_view name;
    Result<void> (*take)(const json::value& value, CommandRequest& request);
};

template <class Value, class Target>
Result<void> put(Result<Value> value, Target& target) {
    if (!value) return tl::unexpected<Error>(std::move(value.error()));
    target = std::move(*value);
    return {};
}

constexpr Field cascade{"cascade", [](const json::value& value, CommandRequest& request) {
                            return put(as_bool("cascade", value), request.cascade);
                        }};
constexpr Field wait{"wait", [](const json::value& value, CommandRequest& request) {
                         return put(as_bool("wait", value), request.wait);
                     }};
constexpr Field timeout{"timeout", [](const json::value& value, CommandRequest& request) {
                            return put(as_duration("timeout", value), request.wait_timeout);
                        }};
constexpr Field wait_timeout_ms{"wait_timeout_ms", [](const json::value& value, CommandRequest& request) {
                                    return put(as_milliseconds("wait_timeout_ms", value),
                                               request.wait_timeout);
                                }};
constexpr Field stop_timeout{"stop_timeout", [](const json::value& value, CommandRequest& request) {
                                 return put(as_duration("stop_timeout", value), request.stop_timeout);
                             }};
constexpr Field signal{"signal", [](const json::value& value, CommandRequest& request) {
                           return put(as_signal(value), request.signal);
                       }};
constexpr Field services{"services", [](const json::value& value, CommandRequest& request) {
                             return put(as_names("services", value), request.services);
                         }};
constexpr Field all{"all", [](const json::value& value, CommandRequest& request) {
                        return put(as_bool("all", value), request.all);
                    }};
constexpr Field action{"action", [](const json::value& value, CommandRequest& request) {
                           return put(as_verb(value), request.verb);
                       }};

std::vector<Field> fields_of(Verb verb) {
    switch (verb) {
        case Verb::start:
            return {cascade, wait, timeout, wait_timeout_ms};
        case Verb::stop:
        case Verb::restart:
            return {cascade, wait, timeout, wait_timeout_ms, stop_timeout};
        case Verb::kill:
            return {wait, timeout, wait_timeout_ms, signal};
        case Verb::reload:
            return {wait, timeout, wait_timeout_ms};
    }
    return {};
}

Result<json::object> parse_object(std::string_view body,
                                  const char* example = R"({"wait": true, "timeout": "30s"})") {
    boost::system::error_code error;
    auto value = json::parse(body, error);
    if (error)
        return fail("invalid_request", "the body is no JSON: " + error.message(),
                    std::string("for example ") + example);
    if (!value.is_object()) return fail("invalid_request", "the body must be a JSON object");
    return std::move(value.get_object());
}

tl::unexpected<Error> unknown_field(std::string_view name, const std::vector<std::string_view>& names) {
    const auto near = nearest(name, names);
    std::vector<std::string> listing(names.begin(), names.end());
    return fail("unknown_field", quoted(name) + " is no field of this request",
                near.empty() ? "known are " + listed(listing) : "did you mean " + quoted(near) + "?");
}

Result<void> take_fields(const json::object& object, const std::vector<Field>& known,
                         CommandRequest& request) {
    for (const auto& member : object) {
        const auto field = std::find_if(known.begin(), known.end(), [&](const Field& candidate) {
            return candidate.name == member.key();
        });
        if (field == known.end()) {
            std::vector<std::string_view> names;
            for (const Field& each : known) names.push_back(each.name);
            return unknown_field(member.key(), names);
        }
        if (auto taken = field->take(member.value(), request); !taken) return taken;
    }
    if (object.contains("timeout") && object.contains("wait_timeout_ms"))
        return fail("invalid_request", "\"timeout\" and \"wait_timeout_ms\" say the same: give one of them");
    if (request.wait_timeout && !request.wait)
        return fail("invalid_request", "a time-out without \"wait\": true has no meaning",
                    "add \"wait\": true; for the time that stopping may take use \"stop_timeout\"");
    return {};
}

}  // namespace

Result<CommandRequest> decode_command(Verb verb, const std::string& service, std::string_view body) {
    CommandRequest request;
    request.verb = verb;
    request.services = {service};
    if (body.empty()) return request;
    auto object = parse_object(body);
    if (!object) return tl::unexpected<Error>(std::move(object.error()));
    if (auto taken = take_fields(*object, fields_of(verb), request); !taken)
        return tl::unexpected<Error>(std::move(taken.error()));
    return request;
}

Result<CommandRequest> decode_action(std::string_view body) {
    auto object = parse_object(body);
    if (!object) return tl::unexpected<Error>(std::move(object.error()));
    const auto* verb_value = object->if_contains("action");
    if (verb_value == nullptr)
        return fail("invalid_request", "\"action\" is missing",
                    R"(for example {"action": "restart", "services": ["x"]})");
    auto verb = as_verb(*verb_value);
    if (!verb) return tl::unexpected<Error>(std::move(verb.error()));

    CommandRequest request;
    auto known = fields_of(*verb);
    known.insert(known.end(), {action, services, all});
    if (auto taken = take_fields(*object, known, request); !taken)
        return tl::unexpected<Error>(std::move(taken.error()));
    if (request.all == !request.services.empty())
        return fail("invalid_request",
                    std::string(name_of(*verb)) + " what? Give either \"services\" or \"all\": true");
    return request;
}

Result<DaemonStop> decode_daemon_stop(std::string_view body) {
    DaemonStop request;
    if (body.empty()) return request;
    auto object = parse_object(body, R"({"leave_services": true})");
    if (!object) return tl::unexpected<Error>(std::move(object.error()));
    for (const auto& member : *object) {
        if (member.key() != "leave_services") return unknown_field(member.key(), {"leave_services"});
        if (auto taken = put(as_bool("leave_services", member.value()), request.leave_services); !taken)
            return tl::unexpected<Error>(std::move(taken.error()));
    }
    return request;
}

Result<std::vector<std::string>> decode_names(const Target& target) {
    std::vector<std::string> names;
    std::set<std::string_view> seen;
    for (const auto& [name, value] : target.query) {
        if (name != "name")
            return fail("unknown_field", quoted(name) + " is no parameter of this request",
                        "did you mean \"name\"?");
        if (seen.insert(value).second) names.push_back(value);
    }
    return names;
}

Result<std::size_t> decode_limit(const Target& target) {
    std::size_t limit = decisions_default;
    for (const auto& [name, value] : target.query) {
        if (name != "limit")
            return fail("unknown_field", quoted(name) + " is no parameter of this request",
                        "did you mean \"limit\"?");
        const auto* end = value.data() + value.size();
        const auto [rest, error] = std::from_chars(value.data(), end, limit);
        if (error != std::errc{} || rest != end || limit == 0 || limit > decisions_max)
            return fail("invalid_request",
                        "limit must be a number from 1 to " + std::to_string(decisions_max));
    }
    return limit;
}

Result<void> check_no_query(const Target& target) {
    if (target.query.empty()) return {};
    return fail("unknown_field",
                quoted(target.query.front().first) + " is no parameter of this request: it has none");
}

Result<void> check_no_body(std::string_view body) {
    if (body.empty()) return {};
    auto object = parse_object(body);
    if (!object) return tl::unexpected<Error>(std::move(object.error()));
    if (object->empty()) return {};
    return fail("unknown_field",
                quoted(object->begin()->key()) + " is no field of this request: it has none");
}

}  // namespace dpsup::control
