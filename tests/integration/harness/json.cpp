#include "json.hpp"

#include <boost/json.hpp>

namespace dpsup::test {
namespace {

namespace json = boost::json;

const json::value* view(const std::shared_ptr<const void>& erased) {
    return static_cast<const json::value*>(erased.get());
}

}  // namespace

Json Json::parse(std::string_view text) {
    boost::system::error_code error;
    json::value document = json::parse(text, error);
    Json result;
    if (!error) result.value_ = std::make_shared<const json::value>(std::move(document));
    return result;
}

Json Json::operator[](std::string_view key) const {
    Json result;
    if (!present() || !view(value_)->is_object()) return result;
    if (const json::value* member = view(value_)->get_object().if_contains(key))
        result.value_ = std::shared_ptr<const void>(value_, member);
    return result;
}

Json Json::at(std::size_t index) const {
    Json result;
    if (!present() || !view(value_)->is_array()) return result;
    if (const json::value* element = view(value_)->get_array().if_contains(index))
        result.value_ = std::shared_ptr<const void>(value_, element);
    return result;
}

Json Json::where(std::string_view key, std::string_view value) const {
    for (const Json& item : items())
        if (item[key].text() == value) return item;
    return {};
}

std::size_t Json::size() const {
    if (!present()) return 0;
    if (view(value_)->is_array()) return view(value_)->get_array().size();
    return view(value_)->is_object() ? view(value_)->get_object().size() : 0;
}

std::vector<Json> Json::items() const {
    std::vector<Json> all;
    if (present() && view(value_)->is_array())
        for (std::size_t i = 0; i < size(); ++i) all.push_back(at(i));
    return all;
}

std::vector<std::string> Json::texts() const {
    std::vector<std::string> all;
    for (const Json& item : items()) all.push_back(item.text());
    return all;
}

std::string Json::text() const {
    if (!present()) return {};
    if (const auto* string = view(value_)->if_string()) return std::string(*string);
    return json::serialize(*view(value_));
}

std::int64_t Json::number() const {
    if (!present()) return 0;
    boost::system::error_code error;
    const auto number = view(value_)->to_number<std::int64_t>(error);
    return error ? 0 : number;
}

bool Json::truth() const {
    return present() && view(value_)->is_bool() && view(value_)->get_bool();
}

}  // namespace dpsup::test
