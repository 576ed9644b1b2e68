#include "support/schema.hpp"

#include <algorithm>

namespace dpsup::test {

namespace json = boost::json;

namespace {

bool has_type(std::string_view type, const json::value& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    return false;
}

}  // namespace

std::vector<std::string> Schema::problems(const std::string& schema, const json::value& value) const {
    Problems found;
    check(named("#/components/schemas/" + schema), value, schema, found);
    return found;
}

const json::object& Schema::named(std::string_view reference) const {
    const auto name = reference.substr(reference.rfind('/') + 1);
    return document_.at("components").at("schemas").as_object().at(name).as_object();
}

void Schema::check(const json::object& schema, const json::value& value, const std::string& path,
                   Problems& problems) const {
    if (const auto* reference = schema.if_contains("$ref"))
        return check(named(reference->as_string()), value, path, problems);
    if (const auto* choices = schema.if_contains("oneOf"))
        return check_one_of(choices->as_array(), value, path, problems);
    const std::string type(schema.at("type").as_string());
    if (!has_type(type, value)) {
        problems.push_back(path + ": wants " + type);
        return;
    }
    if (const auto* words = schema.if_contains("enum")) {
        const auto& list = words->as_array();
        if (std::find(list.begin(), list.end(), value) == list.end())
            problems.push_back(path + ": not in its enum");
    }
    if (type == "object") check_object(schema, value.as_object(), path, problems);
    if (type == "array" && schema.contains("items"))
        for (const auto& item : value.as_array())
            check(schema.at("items").as_object(), item, path + "[]", problems);
}

void Schema::check_object(const json::object& schema, const json::object& value, const std::string& path,
                          Problems& problems) const {
    if (const auto* required = schema.if_contains("required"))
        for (const auto& key : required->as_array())
            if (!value.contains(key.as_string()))
                problems.push_back(path + ": lacks " + std::string(key.as_string()));
    const auto* properties = schema.if_contains("properties");
    if (properties == nullptr) return;
    for (const auto& member : value) {
        const auto* known = properties->as_object().if_contains(member.key());
        const std::string at = path + "." + std::string(member.key());
        if (known == nullptr)
            problems.push_back(at + ": is not in the document");
        else
            check(known->as_object(), member.value(), at, problems);
    }
}

void Schema::check_one_of(const json::array& choices, const json::value& value, const std::string& path,
                          Problems& problems) const {
    std::size_t fitting = 0;
    for (const auto& choice : choices) {
        Problems own;
        check(choice.as_object(), value, path, own);
        if (own.empty()) ++fitting;
    }
    if (fitting != 1) problems.push_back(path + ": fits " + std::to_string(fitting) + " of its choices");
}

}  // namespace dpsup::test
