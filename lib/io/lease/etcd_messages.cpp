#include "io/lease/etcd_messages.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "base/base64.hpp"

namespace dpsup::io {
namespace {

namespace json = boost::json;

constexpr int grpc_unknown = 2;
constexpr int grpc_unauthenticated = 16;
constexpr std::size_t shown_max = 200;

tl::unexpected<Error> no_answer(std::string_view body, const std::string& why) {
    return fail("etcd_answer", "etcd's answer " + why + ": " + std::string(body.substr(0, shown_max)));
}

// Nothing where the field is absent or no table.
const json::object* table_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

const json::array* list_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

std::string text_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(*text);
}

bool flag_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    const bool* flag = value == nullptr ? nullptr : value->if_bool();
    return flag != nullptr && *flag;
}

// A number, as itself or as a text. Absent: 0. Nothing: it is no number.
std::optional<std::uint64_t> number_of(const json::object& object, const char* key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return 0;
    if (const json::string* text = value->if_string()) {
        std::uint64_t number = 0;
        const auto read = std::from_chars(text->data(), text->data() + text->size(), number);
        const bool whole = read.ec == std::errc() && read.ptr == text->data() + text->size();
        return whole ? std::optional(number) : std::nullopt;
    }
    boost::system::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    return error ? std::nullopt : std::optional(number);
}

// Calls take(object) with the body, which must be a table.
template <class Answer, class Take>
Result<Answer> decode(std::string_view body, Take take) {
    boost::system::error_code error;
    const json::value document = json::parse(body, error);
    if (error || !document.is_object()) return no_answer(body, "is no JSON table");
    Answer answer;
    if (!take(document.as_object(), answer)) return no_answer(body, "is not as it should be");
    return answer;
}

bool read_revision(const json::object& body, EtcdRevision& revision) {
    const json::object* header = table_of(body, "header");
    const auto number = header == nullptr ? std::nullopt : number_of(*header, "revision");
    if (number) revision = *number;
    return number.has_value();
}

std::optional<EtcdValue> read_value(const json::object& pair) {
    const auto value = from_base64(text_of(pair, "value"));
    const auto revision = number_of(pair, "mod_revision");
    if (!value || !revision || *revision == 0) return std::nullopt;
    return EtcdValue{*value, *revision};
}

// The first of `kvs`, if any.
bool read_found(const json::object& range, std::optional<EtcdValue>& found) {
    const json::array* pairs = list_of(range, "kvs");
    if (pairs == nullptr || pairs->empty()) return true;
    const json::object* pair = pairs->front().if_object();
    if (pair != nullptr) found = read_value(*pair);
    return found.has_value();
}

bool read_refused(const json::object& body, EtcdPut& put) {
    const json::array* responses = list_of(body, "responses");
    if (responses == nullptr || responses->empty()) return false;
    const json::object* response = responses->front().if_object();
    const json::object* range = response == nullptr ? nullptr : table_of(*response, "response_range");
    return range != nullptr && read_found(*range, put.found);
}

bool read_change(const json::value& event, EtcdChange& change) {
    const json::object* object = event.if_object();
    const json::object* pair = object == nullptr ? nullptr : table_of(*object, "kv");
    const auto revision = pair == nullptr ? std::nullopt : number_of(*pair, "mod_revision");
    if (!revision) return false;
    change.revision = *revision;
    if (text_of(*object, "type") == "DELETE") return true;
    change.value = read_value(*pair);
    return change.value.has_value();
}

json::object key_table(std::string_view key) {
    return {{"key", to_base64(key)}};
}

}  // namespace

std::string etcd_range(std::string_view key) {
    return json::serialize(key_table(key));
}

std::string etcd_put_if(std::string_view key, EtcdRevision expected, std::string_view value) {
    json::object compare = key_table(key);
    compare["result"] = "EQUAL";
    compare["target"] = expected == 0 ? "CREATE" : "MOD";
    compare[expected == 0 ? "create_revision" : "mod_revision"] = std::to_string(expected);
    json::object put = key_table(key);
    put["value"] = to_base64(value);
    const json::object success{{"request_put", std::move(put)}};
    const json::object failure{{"request_range", key_table(key)}};
    return json::serialize(json::object{{"compare", json::array{std::move(compare)}},
                                        {"success", json::array{success}},
                                        {"failure", json::array{failure}}});
}

std::string etcd_watch(std::string_view key, EtcdRevision from) {
    json::object create = key_table(key);
    create["start_revision"] = std::to_string(from);
    create["progress_notify"] = true;
    return json::serialize(json::object{{"create_request", std::move(create)}});
}

std::string etcd_authenticate(std::string_view user, std::string_view password) {
    return json::serialize(json::object{{"name", user}, {"password", password}});
}

Result<EtcdRange> decode_etcd_range(std::string_view body) {
    return decode<EtcdRange>(body, [](const json::object& object, EtcdRange& range) {
        return read_revision(object, range.revision) && read_found(object, range.found);
    });
}

Result<EtcdPut> decode_etcd_put(std::string_view body) {
    return decode<EtcdPut>(body, [](const json::object& object, EtcdPut& put) {
        put.written = flag_of(object, "succeeded");
        return read_revision(object, put.revision) && (put.written || read_refused(object, put));
    });
}

Result<EtcdWatched> decode_etcd_watched(std::string_view line) {
    return decode<EtcdWatched>(line, [](const json::object& object, EtcdWatched& watched) {
        const json::object* result = table_of(object, "result");
        if (result == nullptr || !read_revision(*result, watched.revision)) return false;
        watched.created = flag_of(*result, "created");
        watched.cancelled = flag_of(*result, "canceled");
        watched.compacted = number_of(*result, "compact_revision").value_or(0);
        watched.reason = text_of(*result, "cancel_reason");
        const json::array* events = list_of(*result, "events");
        if (events == nullptr) return true;
        for (const json::value& event : *events)
            if (!read_change(event, watched.changes.emplace_back())) return false;
        return true;
    });
}

Result<std::string> decode_etcd_token(std::string_view body) {
    return decode<std::string>(body, [](const json::object& object, std::string& token) {
        token = text_of(object, "token");
        return !token.empty();
    });
}

EtcdError decode_etcd_error(std::string_view body) {
    EtcdError result{grpc_unknown, std::string(body.substr(0, shown_max))};
    boost::system::error_code error;
    const json::value document = json::parse(body, error);
    const json::object* object = error ? nullptr : document.if_object();
    if (object == nullptr) return result;
    const json::object* inner = table_of(*object, "error");  // in a stream
    const json::object& fields = inner != nullptr ? *inner : *object;
    const auto code = number_of(fields, inner != nullptr ? "grpc_code" : "code");
    if (code && *code != 0 && *code <= grpc_unauthenticated) result.code = static_cast<int>(*code);
    std::string message = text_of(fields, "message");
    if (message.empty()) message = text_of(fields, "error");
    if (!message.empty()) result.message = std::move(message);
    return result;
}

bool is_unauthenticated(const EtcdError& error) {
    return error.code == grpc_unauthenticated ||
           error.message.find("invalid auth token") != std::string::npos;
}

}  // namespace dpsup::io
