#include "config/findings.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dpsup::config {

std::uint32_t Findings::add_file(std::string name) {
    files_.push_back(std::move(name));
    return static_cast<std::uint32_t>(files_.size() - 1);
}

void Findings::error(Position position, std::string message, std::string hint) {
    ++errors_;
    add({position, Severity::error, std::move(message), std::move(hint)});
}

void Findings::warning(Position position, std::string message, std::string hint) {
    add({position, Severity::warning, std::move(message), std::move(hint)});
}

void Findings::add(Finding finding) {
    const auto kept =
        static_cast<std::size_t>(std::ranges::count(findings_, finding.severity, &Finding::severity));
    if (kept >= kept_max) {
        ++left_out_;
        return;
    }
    finding.number = findings_.size();
    findings_.push_back(std::move(finding));
}

Place Findings::place(Position position) const {
    if (position.file >= files_.size()) return {};
    return {files_[position.file], position.line, position.column};
}

std::string Findings::place_text(Position position) const {
    const Place where = place(position);
    return where.file + ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
}

std::vector<Diagnostic> Findings::take() {
    // What has no place comes first: nothing else can be trusted then.
    std::ranges::sort(findings_, [](const Finding& a, const Finding& b) {
        const auto rank = [](const Finding& finding) {
            return std::tuple(finding.position.file != Position::no_file, finding.position, finding.number);
        };
        return rank(a) < rank(b);
    });
    std::vector<Diagnostic> result;
    result.reserve(findings_.size() + 1);
    for (Finding& finding : std::exchange(findings_, {})) {
        result.push_back(
            {place(finding.position), finding.severity, std::move(finding.message), std::move(finding.hint)});
    }
    if (left_out_ > 0)
        result.push_back({{},
                          errors_ > kept_max ? Severity::error : Severity::warning,
                          std::to_string(left_out_) + " more findings are not shown",
                          {}});
    errors_ = 0;
    left_out_ = 0;
    return result;
}

}  // namespace dpsup::config
