#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace dpsup {
namespace {

// Optimal string alignment: edits are insert, delete, replace and the swap of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    constexpr std::size_t word_length_max = 64;  // bounds the work on hostile input
    if (word.size() > word_length_max) return {};
    constexpr std::size_t beginning_min = 3;  // two letters say too little
    std::string_view best;
    if (word.size() >= beginning_min)
        for (const auto candidate : candidates)
            if (candidate.starts_with(word) && (best.empty() || candidate.size() < best.size()))
                best = candidate;
    if (!best.empty()) return best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto candidate : candidates) {
        const std::size_t edits = distance(word, candidate);
        if (edits < best_distance && edits < std::max(word.size(), candidate.size())) {
            best = candidate;
            best_distance = edits;
        }
    }
    return best;
}

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += words[i];
    }
    return text;
}

std::string escaped(std::string_view text) {
    std::string visible;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
        const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F
        if (byte < 0x20 || byte == 0x7f || c1) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\x%02x", c1 ? next : byte);
            visible += escape.data();
            if (c1) ++i;
        } else {
            visible += text[i];
        }
    }
    return visible;
}

std::string Quoted::operator()(std::string_view word) const {
    std::string text;
    for (const char c : word) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return '"' + escaped(text) + '"';
}

}  // namespace dpsup
