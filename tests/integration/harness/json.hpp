// JSON as tests want to read it: a path of keys that never fails on the way; what is not there is `absent`,
// whose text is empty and whose number is 0, so that the assertion at the end says what was missing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dpsup::test {

class Json {
public:
    Json() = default;
    [[nodiscard]] static Json parse(std::string_view text);  // absent where it is no JSON

    [[nodiscard]] Json operator[](std::string_view key) const;
    [[nodiscard]] Json operator[](const char* key) const { return (*this)[std::string_view(key)]; }
    [[nodiscard]] Json at(std::size_t index) const;
    // The element of an array of objects whose `key` is `value`.
    [[nodiscard]] Json where(std::string_view key, std::string_view value) const;

    [[nodiscard]] bool present() const { return value_ != nullptr; }
    [[nodiscard]] std::size_t size() const;  // of an array or object
    [[nodiscard]] std::vector<Json> items() const;
    [[nodiscard]] std::vector<std::string> texts() const;

    [[nodiscard]] std::string text() const;  // a string as it is; anything else as JSON
    [[nodiscard]] std::int64_t number() const;
    [[nodiscard]] bool truth() const;

private:
    // Type-erased, to keep Boost out of the tests: a boost::json::value inside a document that it shares.
    std::shared_ptr<const void> value_;
};

}  // namespace dpsup::test
