#include "config/shell_words.hpp"

#include <utility>

namespace dpsup::config {
namespace {

constexpr std::string_view spaces = " \t\r\n";
constexpr std::string_view shell_only = "|&;<>()`";

class Splitter {
public:
    explicit Splitter(std::string_view text) : text_(text) {}

    Result<std::vector<std::string>> run() {
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (spaces.find(c) != std::string_view::npos)
                end_word();
            else if (c == '\'' || c == '"') {
                if (!take_quoted(c)) return fail("unclosed_quote", std::string("a ") + c + " is not closed");
            } else if (shell_only.find(c) != std::string_view::npos) {
                return fail("needs_shell", std::string("\"") + c + "\" needs a shell, and none is run",
                            "write [\"/bin/sh\", \"-c\", \"...\"], or put the character in quotes");
            } else if (c == '\\' && at_ < text_.size()) {
                take(text_[at_++]);
            } else {
                take(c);
            }
        }
        end_word();
        return std::move(words_);
    }

private:
    void take(char c) {
        word_ += c;
        in_word_ = true;
    }

    bool take_quoted(char quote) {
        in_word_ = true;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c == quote) return true;
            // Within double quotes a backslash only protects what would be special there.
            if (c == '\\' && quote == '"' && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\\'))
                word_ += text_[at_++];
            else
                word_ += c;
        }
        return false;
    }

    void end_word() {
        if (std::exchange(in_word_, false)) words_.push_back(std::exchange(word_, {}));
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string word_;
    bool in_word_ = false;
    std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_like_shell(std::string_view text) {
    return Splitter(text).run();
}

}  // namespace dpsup::config
