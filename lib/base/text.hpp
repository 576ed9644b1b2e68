// Small text helpers that several layers need.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dpsup {

// The candidate that `word` most likely meant, by Damerau-Levenshtein distance; empty where none is near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// "a, b and c".
[[nodiscard]] std::string listed(const std::vector<std::string>& words);

// quoted(word), for a message: "word", with control characters made visible. An object, since with a function the
// compiler would look at std::quoted too, and prefer it for a std::string.
struct Quoted {
    [[nodiscard]] std::string operator()(std::string_view word) const;
};
inline constexpr Quoted quoted;

}  // namespace dpsup
