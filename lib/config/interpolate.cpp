#include "config/interpolate.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/text.hpp"

namespace dpsup::config {
namespace {

constexpr std::size_t depth_max = 16;                     // of ${A:-${B:-...}}
constexpr std::size_t value_size_max = 64 * 1024;         // of one expanded string
constexpr std::size_t total_size_max = 16 * 1024 * 1024;  // of all expanded strings

struct Problem {
    std::string message;
    std::string hint;
};

bool starts_name(char c) {
    return c == '_' || std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool continues_name(char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

std::string_view leading_name(std::string_view text) {
    if (text.empty() || !starts_name(text.front())) return {};
    std::size_t size = 1;
    while (size < text.size() && continues_name(text[size])) ++size;
    return text.substr(0, size);
}

// The length of "...}" in text that follows "${", without the brace; npos where it is not closed.
std::size_t length_to_closing_brace(std::string_view text) {
    std::size_t open = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '}' && --open == 0) return i;
        if (text.substr(i, 2) == "${") {
            ++open;
            ++i;
        }
    }
    return std::string_view::npos;
}

// Expands one string. The first problem ends it.
class Expansion {
public:
    Expansion(const Environment& environment, std::set<std::string>& unset)
        : environment_(environment), unset_(unset) {}

    void expand(std::string_view text, std::string& result, std::size_t depth) {
        if (depth > depth_max) return give_up({"variables are nested more than 16 deep", {}});
        while (!text.empty() && !problem) {
            const std::size_t literal = std::min(text.find('$'), text.size());
            append(result, text.substr(0, literal));
            text.remove_prefix(literal);
            if (!text.empty()) text.remove_prefix(take_dollar(text, result, depth));
        }
    }

    std::optional<Problem> problem;

private:
    // `text` starts with a dollar sign. The length of what was taken.
    std::size_t take_dollar(std::string_view text, std::string& result, std::size_t depth) {
        const std::string_view rest = text.substr(1);
        if (rest.starts_with('$')) {
            append(result, "$");
            return 2;
        }
        if (rest.starts_with('{')) {
            const std::size_t length = length_to_closing_brace(rest.substr(1));
            if (length == std::string_view::npos) {
                give_up({"\"${\" without its \"}\"", "write $$ where a dollar sign is meant"});
                return text.size();
            }
            take_braced(rest.substr(1, length), result, depth);
            return length + 3;
        }
        const std::string_view name = leading_name(rest);
        if (name.empty())
            give_up({"a \"$\" that no variable's name follows", "write $$ where a dollar sign is meant"});
        else
            append(result, value_or_empty(name));
        return name.size() + 1;
    }

    // `text` is what stands between the braces.
    void take_braced(std::string_view text, std::string& result, std::size_t depth) {
        const std::string_view name = leading_name(text);
        std::string_view rest = text.substr(name.size());
        const bool colon = rest.starts_with(':');
        if (colon) rest.remove_prefix(1);
        const char form = rest.empty() ? '\0' : rest.front();
        const bool plain = rest.empty() && !colon;
        if (name.empty() || (!plain && form != '-' && form != '?' && form != '+'))
            return give_up(
                {quoted("${" + std::string(text.substr(0, 40)) + "}") + " is no variable",
                 "the forms are ${VAR}, ${VAR:-default}, ${VAR:?message} and ${VAR:+replacement}"});
        if (plain) return append(result, value_or_empty(name));
        const auto value = environment_(name);
        const bool there = value && !(colon && value->empty());
        rest.remove_prefix(1);
        if (form == '+') {
            if (there) expand(rest, result, depth + 1);
        } else if (there) {
            append(result, *value);
        } else if (form == '-') {
            expand(rest, result, depth + 1);
        } else {
            require(name, rest, depth);
        }
    }

    void require(std::string_view name, std::string_view message, std::size_t depth) {
        std::string text;
        expand(message, text, depth + 1);
        if (problem) return;
        give_up({"the variable " + std::string(name) + " is not set" + (text.empty() ? "" : ": " + text),
                 "set it in dpsupd's environment"});
    }

    std::string value_or_empty(std::string_view name) {
        if (auto value = environment_(name)) return std::move(*value);
        unset_.emplace(name);
        return {};
    }

    void append(std::string& result, std::string_view text) {
        if (result.size() + text.size() > value_size_max)
            return give_up({"the value is larger than 64 KiB once its variables are put in", {}});
        result += text;
    }

    void give_up(Problem found) {
        if (!problem) problem = std::move(found);
    }

    const Environment& environment_;
    std::set<std::string>& unset_;
};

class Walk {
public:
    Walk(const Environment& environment, Findings& findings)
        : environment_(environment), findings_(findings) {}

    void visit(Node& node) {
        if (auto* table = std::get_if<Table>(&node.value))
            for (Entry& entry : *table) visit(entry.value);
        else if (auto* array = std::get_if<Array>(&node.value))
            for (Node& element : *array) {
                visit(element);
                node.told = node.told || element.told;
            }
        else if (auto* text = std::get_if<std::string>(&node.value);
                 text != nullptr && text->find('$') != std::string::npos)
            expand(node, *text);
    }

private:
    void expand(Node& node, std::string& text) {
        if (total_ > total_size_max) return;
        std::set<std::string> unset;
        Expansion expansion(environment_, unset);
        std::string result;
        expansion.expand(text, result, 0);
        for (const std::string& name : unset)
            findings_.warning(node.position,
                              "the variable " + name + " is not set; it stands for nothing here",
                              "set it in dpsupd's environment, or write ${" + name + ":-} if that is meant");
        node.told = expansion.problem.has_value();
        if (expansion.problem)
            findings_.error(node.position, expansion.problem->message, expansion.problem->hint);
        total_ += result.size();
        if (total_ > total_size_max)
            findings_.error(node.position,
                            "the values are larger than 16 MiB once their variables are put in");
        text = std::move(result);
        node.has_variable = true;
    }

    const Environment& environment_;
    Findings& findings_;
    std::size_t total_ = 0;
};

}  // namespace

void interpolate(Node& root, const Environment& environment, Findings& findings) {
    Walk(environment, findings).visit(root);
}

}  // namespace dpsup::config
