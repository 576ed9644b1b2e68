#include "config/key_depth.hpp"

#include <algorithm>

#include "config/toml_reader.hpp"

namespace dpsup::config {
namespace {

// Just enough of TOML's lexer to skip strings and comments. It may lose its way in text that is no TOML; the
// parser stops at that same place, and never reaches what follows.
class Scan {
public:
    explicit Scan(std::string_view text) : text_(text) {}

    std::uint32_t run() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"' || c == '\'') {
                skip_string(c);
                continue;
            }
            if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
                continue;
            }
            if (c == '.' && ++dots_ >= nesting_max) return line_;
            if (c == '\n') ++line_;
            if (c == '\n' || c == '=' || c == ',' || c == '{') dots_ = 0;
            ++at_;
        }
        return 0;
    }

private:
    void skip_string(char quote) {
        const std::string_view triple = quote == '"' ? R"(""")" : "'''";
        const bool multiline = text_.substr(at_, 3) == triple;
        at_ += multiline ? 3 : 1;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\n') {
                if (!multiline) return;
                ++line_;
            }
            if (c == '\\' && quote == '"') {
                if (at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++line_;
                at_ += 2;
            } else if (c == quote && (!multiline || text_.substr(at_, 3) == triple)) {
                at_ += multiline ? 3 : 1;
                // Up to two more quotes belong to a multi-line string's end.
                while (multiline && at_ < text_.size() && text_[at_] == quote) ++at_;
                return;
            } else {
                ++at_;
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t dots_ = 0;
    std::uint32_t line_ = 1;
};

}  // namespace

std::uint32_t line_with_deep_key(std::string_view text) {
    return Scan(text).run();
}

}  // namespace dpsup::config
