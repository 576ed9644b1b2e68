#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern/pattern.hpp"

#include <pcre2.h>

#include <array>
#include <string>

#include "base/text.hpp"

namespace dpsup {
namespace {

constexpr std::uint32_t match_limit = 50'000;     // backtracking steps for one line: about a millisecond
constexpr std::uint32_t heap_limit_kib = 1024;    // for one line
constexpr std::size_t pattern_length_max = 4096;  // bounds the work of compiling

// ECMAScript's reading of \u and of back references to groups that did not take part; `$` only at the very
// end.
constexpr std::uint32_t options = PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_DOLLAR_ENDONLY;

PCRE2_SPTR bytes(std::string_view text) {
    return reinterpret_cast<PCRE2_SPTR>(text.data());
}

tl::unexpected<Error> bad_pattern(std::string_view text, int code, std::size_t offset) {
    std::array<PCRE2_UCHAR, 160> reason{};
    pcre2_get_error_message(code, reason.data(), reason.size());
    return fail("bad_pattern",
                "the regular expression " + quoted(text) + " is not valid at character " +
                    std::to_string(offset + 1) + ": " + reinterpret_cast<const char*>(reason.data()),
                "in TOML, write it in single quotes, so that backslashes stay as they are");
}

}  // namespace

void Pattern::Free::operator()(pcre2_real_code_8* code) const {
    pcre2_code_free(code);
}
void Pattern::Free::operator()(pcre2_real_match_data_8* data) const {
    pcre2_match_data_free(data);
}
void Pattern::Free::operator()(pcre2_real_match_context_8* context) const {
    pcre2_match_context_free(context);
}

Result<Pattern> Pattern::compile(std::string_view text) {
    if (text.size() > pattern_length_max)
        return fail("bad_pattern", "the regular expression is longer than " +
                                       std::to_string(pattern_length_max) + " characters");
    int code = 0;
    std::size_t offset = 0;
    Pattern pattern;
    pattern.code_.reset(pcre2_compile(bytes(text), text.size(), options, &code, &offset, nullptr));
    if (!pattern.code_) return bad_pattern(text, code, offset);
    pattern.data_.reset(pcre2_match_data_create(1, nullptr));
    pattern.context_.reset(pcre2_match_context_create(nullptr));
    if (!pattern.data_ || !pattern.context_)
        return fail("out_of_memory", "no memory for a regular expression");
    pcre2_set_match_limit(pattern.context_.get(), match_limit);
    pcre2_set_heap_limit(pattern.context_.get(), heap_limit_kib);
    return pattern;
}

Pattern::Match Pattern::search(std::string_view line) const {
    const int result = pcre2_match(code_.get(), bytes(line), line.size(), 0, 0, data_.get(), context_.get());
    if (result >= 0) return Match::yes;  // 0: it matched, and has more groups than the one place for results
    return result == PCRE2_ERROR_NOMATCH ? Match::no : Match::too_costly;
}

}  // namespace dpsup
