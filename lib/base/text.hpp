// Small text helpers that several layers need.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dpsup {

// The candidate that `word` most likely meant: one that it begins, else the nearest by Damerau-Levenshtein distance,
// where no more than a third of its letters are wrong (or one). Empty where there is none.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// "a, b and c".
[[nodiscard]] std::string listed(const std::vector<std::string>& words);

// Control characters made visible: "\x1b".
[[nodiscard]] std::string escaped(std::string_view text);

// quoted(word), for a message: "word", with control characters made visible. An object, since with a function the
// compiler would look at std::quoted too, and prefer it for a std::string.
struct Quoted {
    [[nodiscard]] std::string operator()(std::string_view word) const;
};
inline constexpr Quoted quoted;

}  // namespace dpsup
