#include <algorithm>
#include <thread>
#include <utility>

#include "dpsupctl/asking.hpp"
#include "dpsupctl/client.hpp"
#include "dpsupctl/commands.hpp"
#include "dpsupctl/story.hpp"
#include "dpsupctl/view.hpp"

namespace dpsup::ctl {
namespace {

constexpr std::size_t lines_default = 20;
constexpr std::size_t lines_max = 1000;  // as many as the daemon gives
constexpr Duration retry_pause = std::chrono::milliseconds(200);

bool wanted(const Options& options, const std::string& service) {
    const auto& names = options.names;
    return names.empty() || std::find(names.begin(), names.end(), service) != names.end();
}

Question all_recent() {
    return {.target = "/v1/decisions?limit=" + std::to_string(lines_max)};
}

Question recent(const Options& options) {
    const std::size_t lines = std::clamp(options.lines.value_or(lines_default), std::size_t{1}, lines_max);
    return {.target = "/v1/decisions?limit=" + std::to_string(lines)};
}

std::string history(const std::vector<DecisionView>& decisions, const Options& options) {
    std::string text;
    for (const auto& decision : decisions)
        if (wanted(options, decision.service)) text += decision_line(decision, terminal());
    return text;
}

// Prints what one daemon after the other streams, without a gap or an overlap.
class Follower {
public:
    explicit Follower(const Options& options) : options_(options) {}

    // Until the stream ends; the error says why.
    Error follow() {
        Client client(options_.socket);
        const auto opened = client.open_stream("/v1/events");
        if (!opened) return opened.error();
        if (opened->status != 200) return read_error(opened->status, opened->body);
        for (;;) {
            const auto line = client.next_line(std::chrono::minutes(1));
            if (!line) return line.error();
            if (!*line) continue;
            if (const auto printed = take(**line); !printed) return printed.error();
            seen_ = true;
        }
    }
    // Whether any daemon was there.
    [[nodiscard]] bool seen() const { return seen_; }

private:
    Result<void> take(const std::string& line) {
        if (options_.json) return print(line + "\n");
        const auto event = read_event(line);
        if (!event) return tl::unexpected<Error>(event.error());
        if (event->type == "snapshot") return print_missed(event->last);
        if (event->type != "change") return {};
        last_ = std::max(last_, event->change.at);
        return wanted(options_, event->change.service) ? print(decision_line(event->change, terminal()))
                                                       : Result<void>();
    }

    // What happened before the snapshot: as much as was asked for at first, and all that was missed later.
    Result<void> print_missed(std::uint64_t last) {
        if (!seen_ && options_.lines == std::size_t{0}) return {};
        const auto body = ask(options_, seen_ ? all_recent() : recent(options_));
        if (!body) return tl::unexpected<Error>(body.error());
        auto decisions = read_decisions(*body);
        if (!decisions) return tl::unexpected<Error>(decisions.error());
        // Each daemon counts from one: only their times join what two of them decided.
        std::erase_if(*decisions, [&](const DecisionView& decision) {
            return decision.number > last || (seen_ && decision.at <= last_);
        });
        for (const DecisionView& decision : *decisions) last_ = std::max(last_, decision.at);
        return print(history(*decisions, options_));
    }

    const Options& options_;
    bool seen_ = false;
    WallTime last_{};  // of the last decision that was printed, or passed over
};

// A daemon that restarts is no reason to stop following it; one that was never there is.
Exit follow(const Options& options) {
    Follower follower(options);
    for (bool told = false;;) {
        const bool before = follower.seen();
        const Error error = follower.follow();
        const bool away = error.code == "not_running" || error.code == "no_answer";
        if (!away || !follower.seen()) return report(error, options.json);
        if (!before) told = false;
        if (!std::exchange(told, true))
            (void)report({error.code, error.message + "; waiting for it", ""}, false);
        std::this_thread::sleep_for(retry_pause);
    }
}

}  // namespace

Exit run_events(const Options& options) {
    if (options.follow) return follow(options);
    if (options.lines == std::size_t{0}) return print_or_report(options.json ? "{\"decisions\":[]}\n" : "");
    return ask_and_print(options, recent(options), [&](const std::string& body) -> Result<std::string> {
        const auto decisions = read_decisions(body);
        if (!decisions) return tl::unexpected<Error>(decisions.error());
        return history(*decisions, options);
    });
}

}  // namespace dpsup::ctl
