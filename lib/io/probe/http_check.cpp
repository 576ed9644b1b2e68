#include "io/probe/http_check.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace dpsup::io {
namespace {

namespace json = boost::json;

bool accepts_status(const config::HttpProbe& probe, long status) {
    return std::any_of(probe.status.begin(), probe.status.end(),
                       [&](const auto& range) { return status >= range.first && status <= range.second; });
}

std::optional<double> number_of(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string text_of(const json::value& value) {
    if (value.is_string()) return std::string(std::string_view(value.get_string()));
    return json::serialize(value);
}

// Values are written as text in the configuration: a number is equal to any way of writing it.
bool equals(const json::value& value, const std::string& wanted) {
    if (text_of(value) == wanted) return true;
    if (!value.is_number()) return false;
    const auto number = number_of(wanted);
    return number && value.to_number<double>() == *number;
}

std::string choices(const std::vector<std::string>& wanted) {
    std::string text;
    for (const auto& word : wanted) {
        if (!text.empty()) text += " or ";
        text += excerpt(word);
    }
    return text;
}

std::optional<Verdict> check_json(const config::HttpProbe& probe, std::string_view body) {
    boost::system::error_code error;
    const json::value document = json::parse(json::string_view(body.data(), body.size()), error);
    if (error) return failed("the answer is not JSON: " + excerpt(body));
    for (const auto& [pointer, wanted] : probe.json) {
        const json::value* value = document.find_pointer(pointer, error);
        if (value == nullptr) return failed("no " + pointer + " in the answer, expected " + choices(wanted));
        if (std::none_of(wanted.begin(), wanted.end(),
                         [&](const auto& word) { return equals(*value, word); }))
            return failed(pointer + " is " + excerpt(text_of(*value)) + ", expected " + choices(wanted));
    }
    return std::nullopt;
}

}  // namespace

Verdict check_http(const config::HttpProbe& probe, long status, std::string_view body, bool cut) {
    const std::string said = "HTTP " + std::to_string(status);
    if (!accepts_status(probe, status)) return failed(said);
    const std::string rest = cut ? " (in its first 64 KiB)" : "";
    if (!probe.body.empty() && body.find(probe.body) == std::string_view::npos)
        return failed(said + ", but the answer does not contain " + excerpt(probe.body) + rest);
    if (!probe.json.empty()) {
        if (cut)
            return failed(said + ", but the answer is longer than 64 KiB, too long to look into its JSON");
        if (const auto verdict = check_json(probe, body)) return *verdict;
    }
    return passed(said);
}

}  // namespace dpsup::io
