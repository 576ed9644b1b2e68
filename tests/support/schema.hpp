// Checks a JSON value against an OpenAPI schema, as far as this project's document goes: type, required,
// properties, additionalProperties, items, enum, oneOf and $ref.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace dpsup::test {

class Schema {
public:
    explicit Schema(boost::json::object document) : document_(std::move(document)) {}

    // What is wrong with `value`, one line each: "services[0].pid: wants integer".
    [[nodiscard]] std::vector<std::string> problems(const std::string& schema,
                                                    const boost::json::value& value) const;

private:
    using Problems = std::vector<std::string>;

    [[nodiscard]] const boost::json::object& named(std::string_view reference) const;
    void check(const boost::json::object& schema, const boost::json::value& value, const std::string& path,
               Problems& problems) const;
    void check_object(const boost::json::object& schema, const boost::json::object& value,
                      const std::string& path, Problems& problems) const;
    void check_one_of(const boost::json::array& choices, const boost::json::value& value,
                      const std::string& path, Problems& problems) const;

    boost::json::object document_;
};

}  // namespace dpsup::test
