#include <algorithm>

#include "dpsupctl/asking.hpp"
#include "dpsupctl/client.hpp"
#include "dpsupctl/commands.hpp"
#include "dpsupctl/story.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {
namespace {

constexpr std::size_t lines_default = 20;
constexpr std::size_t lines_max = 1000;  // as many as the daemon gives

bool wanted(const Options& options, const std::string& service) {
    const auto& names = options.names;
    return names.empty() || std::find(names.begin(), names.end(), service) != names.end();
}

Question recent(const Options& options) {
    const std::size_t lines = std::clamp(options.lines.value_or(lines_default), std::size_t{1}, lines_max);
    return {.target = "/v1/decisions?limit=" + std::to_string(lines)};
}

std::string history(const std::vector<DecisionView>& decisions, const Options& options, std::uint64_t last) {
    std::string text;
    for (const auto& decision : decisions)
        if (decision.number <= last && wanted(options, decision.service))
            text += decision_line(decision, terminal());
    return text;
}

// What happened before the snapshot, so that it joins what follows without a gap or an overlap.
Result<void> print_history(const Options& options, std::uint64_t last) {
    if (options.lines == std::size_t{0}) return {};
    const auto body = ask(options, recent(options));
    if (!body) return tl::unexpected<Error>(body.error());
    const auto decisions = read_decisions(*body);
    if (!decisions) return tl::unexpected<Error>(decisions.error());
    return print(history(*decisions, options, last));
}

Result<void> print_event(const Options& options, const std::string& line) {
    if (options.json) return print(line + "\n");
    const auto event = read_event(line);
    if (!event) return tl::unexpected<Error>(event.error());
    if (event->type == "snapshot") return print_history(options, event->last);
    if (event->type != "change" || !wanted(options, event->change.service)) return {};
    return print(decision_line(event->change, terminal()));
}

Exit follow(const Options& options) {
    Client client(options.socket);
    const auto opened = client.open_stream("/v1/events");
    if (!opened) return report(opened.error(), options.json);
    if (opened->status != 200) return report(read_error(opened->status, opened->body), options.json);
    for (;;) {
        const auto line = client.next_line(std::chrono::minutes(1));
        if (!line) return report(line.error(), options.json);
        if (!*line) continue;
        if (const auto printed = print_event(options, **line); !printed)
            return report(printed.error(), options.json);
    }
}

}  // namespace

Exit run_events(const Options& options) {
    if (options.follow) return follow(options);
    if (options.lines == std::size_t{0}) return print_or_report(options.json ? "{\"decisions\":[]}\n" : "");
    return ask_and_print(options, recent(options), [&](const std::string& body) -> Result<std::string> {
        const auto decisions = read_decisions(body);
        if (!decisions) return tl::unexpected<Error>(decisions.error());
        return history(*decisions, options, UINT64_MAX);
    });
}

}  // namespace dpsup::ctl
