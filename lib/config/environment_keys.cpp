#include "config/environment_keys.hpp"

#include <algorithm>

#include "config/kinds.hpp"

namespace dpsup::config {
namespace {

using Variables = std::vector<std::pair<std::string, EnvironmentValue>>;

std::optional<EnvironmentValue> read_secret(Reading& reading, const Node& node) {
    const Table& table = *node.table();
    constexpr std::string_view hint = "write { file = \"/path/of/the/secret\" }";
    if (table.size() != 1 || table.front().key != "file") {
        reading.error(node, "a table here names the file that holds the value, and nothing else",
                      std::string(hint));
        return std::nullopt;
    }
    SecretFile secret;
    AbsolutePath::read(reading, table.front().value, secret.path);
    return secret.path.empty() ? std::nullopt : std::optional<EnvironmentValue>(std::move(secret));
}

std::optional<EnvironmentValue> read_value(Reading& reading, const Node& node) {
    if (node.table() != nullptr) return read_secret(reading, node);
    if (const std::string* text = node.string()) {
        if (text->find('\0') == std::string::npos) return *text;
        reading.error(node, "a variable cannot hold a NUL character");
        return std::nullopt;
    }
    if (const auto integer = Reading::integer(node)) return std::to_string(*integer);
    if (const auto boolean = Reading::boolean(node)) return std::string(*boolean ? "true" : "false");
    if (const auto number = Reading::number(node)) return toml_number(*number);
    reading.expected_privately(node, "a string, a number, a boolean or { file = path }");
    return std::nullopt;
}

bool is_variable_name(std::string_view name) {
    return !name.empty() && std::ranges::none_of(name, [](char c) {
        return c == '=' || static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
    });
}

// Compose's other form: ["NAME=value"].
void tell_list(Reading& reading, const Node& node) {
    reading.expected_privately(node, "a table", "write { NAME = \"value\" }");
}

const EnvironmentValue* find(const Variables& variables, const std::string& name) {
    const auto found = std::ranges::find(variables, name, &Variables::value_type::first);
    return found == variables.end() ? nullptr : &found->second;
}

}  // namespace

void read_environment(Reading& reading, const Node& node, Service& service) {
    const Table* table = node.table();
    if (table == nullptr) return tell_list(reading, node);
    for (const Entry& entry : *table) {
        const Reading::Inside inside(reading, entry.key);
        if (!is_variable_name(entry.key)) {
            reading.error(entry.position, quoted(entry.key) + " cannot be the name of a variable");
            continue;
        }
        if (auto value = read_value(reading, entry.value))
            service.process.environment.emplace_back(entry.key, std::move(*value));
    }
}

std::string show_environment(const Service& service) {
    std::string text;
    for (const auto& [name, value] : service.process.environment) {
        const auto* secret = std::get_if<SecretFile>(&value);
        text += (text.empty() ? "{ " : ", ") + toml_string(name) + " = ";
        text += secret != nullptr ? "{ file = " + toml_string(secret->path) + " }"
                                  : toml_string(std::get<std::string>(value));
    }
    return text.empty() ? text : text + " }";
}

void compare_environment(const Field<Service>& row, const Service& before, const Service& after,
                         Comparison& comparison) {
    const Comparison::Inside inside(comparison, row.key.name);
    for (const auto& [name, value] : before.process.environment) {
        const EnvironmentValue* now = find(after.process.environment, name);
        if (now == nullptr)
            comparison.add(name, "removed", row.key.change);
        else if (*now != value)
            comparison.add(name, "changed", row.key.change);
    }
    for (const auto& [name, value] : after.process.environment)
        if (find(before.process.environment, name) == nullptr) comparison.add(name, "added", row.key.change);
}

}  // namespace dpsup::config
