// A regular expression for lines of text: PCRE2, which is a superset of ECMAScript's syntax as people use it.
// It never recurses on the stack and gives up after a bounded amount of backtracking, so that neither a long
// line nor a hostile pattern can hold a thread or blow it up, as std::regex can. Its own small library, since
// core must not link PCRE2.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace dpsup {

class Pattern {
public:
    enum class Match { yes, no, too_costly };

    // The error (code "bad_pattern") says what is wrong and where.
    [[nodiscard]] static Result<Pattern> compile(std::string_view text);

    // Whether some part of `line` matches. Not for two threads at once.
    [[nodiscard]] Match search(std::string_view line) const;

private:
    struct Free {
        void operator()(pcre2_real_code_8* code) const;
        void operator()(pcre2_real_match_data_8* data) const;
        void operator()(pcre2_real_match_context_8* context) const;
    };

    Pattern() = default;

    std::unique_ptr<pcre2_real_code_8, Free> code_;
    std::unique_ptr<pcre2_real_match_data_8, Free> data_;
    std::unique_ptr<pcre2_real_match_context_8, Free> context_;
};

}  // namespace dpsup
