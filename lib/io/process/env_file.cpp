#include "io/process/env_file.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace dpsup::io {
namespace {

bool is_name_start(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_name_part(char c) {
    return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

class Parser {
public:
    Parser(std::string_view text, Variables& variables) : text_(text), variables_(variables) {}

    Result<void> parse() {
        while (at_ < text_.size()) {
            if (auto parsed = parse_line(); !parsed)
                return fail(parsed.error().code,
                            "line " + std::to_string(line()) + ": " + parsed.error().message);
        }
        return {};
    }

private:
    [[nodiscard]] std::ptrdiff_t line() const {
        return 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    }
    [[nodiscard]] bool ends() const { return at_ >= text_.size() || text_[at_] == '\n'; }
    [[nodiscard]] char peek() const { return text_[at_]; }
    void skip_blanks() {
        while (!ends() && is_blank(peek())) ++at_;
    }
    void skip_line() {
        while (!ends()) ++at_;
        if (at_ < text_.size()) ++at_;
    }

    // Dots and dashes occur in the names that Java programs read (discovery.type), so they are allowed.
    std::string_view take_name() {
        const auto start = at_;
        while (!ends() && (is_name_part(peek()) || peek() == '.' || peek() == '-')) ++at_;
        return text_.substr(start, at_ - start);
    }

    Result<void> parse_line() {
        skip_blanks();
        if (ends() || peek() == '#') return skip_line(), Result<void>{};
        auto name = take_name();
        skip_blanks();
        if (name == "export" && !ends() && is_name_start(peek())) {
            name = take_name();
            skip_blanks();
        }
        if (name.empty() || !is_name_start(name.front())) return fail("env_file", "expected NAME=value");
        if (ends()) return skip_line(), Result<void>{};
        if (peek() != '=' && peek() != ':')
            return fail("env_file", "expected \"=\" after " + quoted(std::string(name)));
        ++at_;
        skip_blanks();
        return parse_value(std::string(name));
    }

    Result<void> parse_value(const std::string& name) {
        std::string value;
        const char quote = ends() ? '\0' : peek();
        if (quote == '"' || quote == '\'') {
            auto taken = quote == '"' ? take_double_quoted() : take_single_quoted();
            if (!taken) return tl::unexpected(taken.error());
            value = std::move(*taken);
            skip_blanks();
            if (!ends() && peek() != '#') return fail("env_file", "text after the closing quote");
        } else {
            auto taken = take_plain();
            if (!taken) return tl::unexpected(taken.error());
            value = std::move(*taken);
        }
        variables_[name] = std::move(value);
        skip_line();
        return {};
    }

    Result<std::string> take_single_quoted() {
        const auto start = ++at_;
        while (at_ < text_.size() && text_[at_] != '\'') ++at_;
        return close_quote(std::string(text_.substr(start, at_ - start)));
    }

    Result<std::string> take_double_quoted() {
        std::string value;
        ++at_;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
                append_escape(value, text_[at_++]);
            } else if (text_[at_] == '$') {
                if (auto taken = take_reference(value); !taken) return tl::unexpected(taken.error());
            } else {
                value += text_[at_++];
            }
        }
        return close_quote(std::move(value));
    }

    Result<std::string> close_quote(std::string value) {
        if (at_ >= text_.size()) return fail("env_file", "the quote is not closed");
        ++at_;
        return value;
    }

    static void append_escape(std::string& value, char c) {
        switch (c) {
            case 'n':
                value += '\n';
                return;
            case 'r':
                value += '\r';
                return;
            case 't':
                value += '\t';
                return;
            case '"':
            case '\\':
            case '$':
                value += c;
                return;
            default:
                value.append({'\\', c});  // a char is no enum: what is not special stays as it is
        }
    }

    // A comment begins at a # after a blank; so does none within a#b.
    Result<std::string> take_plain() {
        std::string value;
        while (!ends()) {
            if (peek() == '#' && at_ > 0 && is_blank(text_[at_ - 1])) break;
            if (peek() != '$') {
                value += text_[at_++];
            } else if (auto taken = take_reference(value); !taken) {
                return tl::unexpected(taken.error());
            }
        }
        while (!value.empty() && is_blank(value.back())) value.pop_back();
        return value;
    }

    [[nodiscard]] std::string value_of(std::string_view name) const {
        const auto found = variables_.find(std::string(name));
        return found == variables_.end() ? std::string() : found->second;
    }

    std::string_view take_reference_name() {
        const auto start = at_;
        while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
        return text_.substr(start, at_ - start);
    }

    // At a `$`: `$$` is one, and a `$` that names nothing stays.
    Result<void> take_reference(std::string& value) {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '$') {
            value += text_[at_++];
        } else if (at_ < text_.size() && text_[at_] == '{') {
            return take_braced(value);
        } else if (at_ < text_.size() && is_name_start(text_[at_])) {
            value += value_of(take_reference_name());
        } else {
            value += '$';
        }
        return {};
    }

    Result<void> take_braced(std::string& value) {
        ++at_;
        const auto name = take_reference_name();
        const auto close = text_.substr(0, text_.find('\n', at_)).find('}', at_);
        if (name.empty() || close == std::string_view::npos)
            return fail("env_file", "\"${\" without a name and \"}\"");
        auto rest = text_.substr(at_, close - at_);
        at_ = close + 1;
        const bool also_empty = rest.starts_with(':');
        if (also_empty) rest.remove_prefix(1);
        if (!rest.empty() && !rest.starts_with('-'))
            return fail("env_file",
                        "after ${" + std::string(name) + " only \"-default\" or \":-default\" is known here");
        const bool set = variables_.contains(std::string(name)) && !(also_empty && value_of(name).empty());
        value += set || rest.empty() ? value_of(name) : std::string(rest.substr(1));
        return {};
    }

    std::string_view text_;
    Variables& variables_;
    std::size_t at_ = 0;
};

}  // namespace

Result<void> parse_env_file(std::string_view text, Variables& variables) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    return Parser(text, variables).parse();
}

}  // namespace dpsup::io
