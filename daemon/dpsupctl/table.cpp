#include "dpsupctl/table.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/units.hpp"
#include "dpsupctl/text.hpp"

namespace dpsup::ctl {
namespace {

enum Column : std::size_t { name, kind, state, wanted, pid, restarts, since, health, reason, column_count };
using Cells = std::array<std::string, column_count>;
using Widths = std::array<std::size_t, column_count>;

constexpr std::array<std::string_view, column_count> titles{"NAME",     "KIND",  "STATE",  "WANTED", "PID",
                                                            "RESTARTS", "SINCE", "HEALTH", "REASON"};
constexpr std::size_t gap = 2;
constexpr std::size_t reason_enough = 30;  // columns of REASON for which others are left out
constexpr std::array left_out_first{kind, health, wanted, pid, restarts, since};

constexpr std::array severity{"failed",  "unhealthy", "backoff", "unknown", "stopping",
                              "waiting", "starting",  "stopped", "done",    "ready"};

std::size_t rank(std::string_view word) {
    return static_cast<std::size_t>(std::find(severity.begin(), severity.end(), word) - severity.begin());
}

Cells cells_of(const ServiceView& service, WallTime now) {
    const Duration age = std::max<Duration>(now - service.since, Duration::zero());
    const bool known = service.since != WallTime{};
    return {harmless(service.name),
            harmless(service.kind),
            harmless(service.state),
            harmless(service.wanted),
            service.pid == 0 ? "-" : std::to_string(service.pid),
            std::to_string(service.restarts),
            known ? format_duration_rounded(std::chrono::floor<std::chrono::seconds>(age)) : "-",
            service.health == "none" ? "-" : harmless(service.health),
            harmless(service.reason)};
}

Widths widths_of(const std::vector<Cells>& rows) {
    Widths widths{};
    for (std::size_t i = 0; i < column_count; ++i) {
        widths[i] = titles[i].size();
        for (const auto& row : rows) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    return widths;
}

// Leaves columns out (width 0) until the reason has enough room, then gives it what is left.
void fit(Widths& widths, std::size_t terminal_width) {
    const auto taken = [&] {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < reason; ++i)
            if (widths[i] > 0) sum += widths[i] + gap;
        return sum;
    };
    for (const Column column : left_out_first) {
        if (taken() + std::min(widths[reason], reason_enough) <= terminal_width) break;
        widths[column] = 0;
    }
    const std::size_t left = terminal_width > taken() ? terminal_width - taken() : 0;
    widths[reason] = std::min(widths[reason], left);
}

void append_row(std::string& text, const Cells& cells, const Widths& widths, bool colour) {
    const bool right[] = {false, false, false, false, true, true, true, false, false};
    std::size_t owed = 0;  // spaces that only come if something follows them
    for (std::size_t i = 0; i < column_count; ++i) {
        if (widths[i] == 0) continue;
        const std::string cell = i == reason ? shortened(cells[i], widths[i]) : cells[i];
        const std::size_t has = width_of(cell);
        const std::size_t padding = widths[i] > has ? widths[i] - has : 0;
        text.append(cell.empty() ? 0 : owed + (right[i] ? padding : 0), ' ');
        const auto paint = colour && i == state ? colour_of(cell) : std::string_view();
        text.append(paint).append(cell).append(paint.empty() ? std::string_view() : colour_end);
        if (cell.empty())
            owed += widths[i] + gap;
        else
            owed = (right[i] ? 0 : padding) + gap;
    }
    text += '\n';
}

const ServiceView* worst(const StatusView& status) {
    const auto place =
        std::min_element(status.services.begin(), status.services.end(),
                         [](const auto& a, const auto& b) { return rank(a.state) < rank(b.state); });
    if (place == status.services.end() || rank(place->state) > rank("backoff")) return nullptr;
    return &*place;
}

std::string table(const std::vector<ServiceView>& services, const Terminal& terminal, WallTime now) {
    std::vector<Cells> rows;
    rows.reserve(services.size());
    for (const auto& service : services) rows.push_back(cells_of(service, now));
    Widths widths = widths_of(rows);
    if (terminal.width > 0) fit(widths, terminal.width);

    std::string text;
    text.reserve(rows.size() * 128);
    Cells header;
    std::copy(titles.begin(), titles.end(), header.begin());
    if (terminal.colour) text += bold;
    append_row(text, header, widths, false);
    if (terminal.colour) text.insert(text.size() - 1, colour_end);
    for (const auto& row : rows) append_row(text, row, widths, terminal.colour);
    return text;
}

std::string below(const StatusView& status) {
    std::string text = summary_line(status) + "\n";
    if (status.shutting_down) text += "The daemon is shutting down: it stops everything.\n";
    if (const auto* service = worst(status))
        text += "Why? dpsupctl explain " + harmless(service->name) + "\n";
    return text;
}

}  // namespace

std::string summary_line(const StatusView& status) {
    const std::size_t count = status.services.size();
    std::string text = std::to_string(count) + (count == 1 ? " service" : " services");
    std::vector<std::pair<std::string_view, std::size_t>> counts;
    for (const auto& service : status.services) {
        const auto place = std::find_if(counts.begin(), counts.end(),
                                        [&](const auto& each) { return each.first == service.state; });
        if (place == counts.end())
            counts.emplace_back(service.state, 1);
        else
            ++place->second;
    }
    // The usual state first, then from bad to good.
    std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first != "ready", rank(a.first)) < std::pair(b.first != "ready", rank(b.first));
    });
    for (std::size_t i = 0; i < counts.size(); ++i)
        text += (i == 0 ? ": " : ", ") + std::to_string(counts[i].second) + " " + harmless(counts[i].first);
    return text;
}

std::string status_text(const StatusView& status, const Terminal& terminal, WallTime now) {
    if (status.services.empty())
        return "no services are configured\nadd a [service.NAME] to the configuration, then: dpsupctl "
               "apply\n";
    return table(status.services, terminal, now) + "\n" + below(status);
}

std::string watch_text(const StatusView& status, const Terminal& terminal, WallTime now) {
    constexpr std::size_t lines_around = 6;  // header, blank, summary, hints, prompt
    if (terminal.height == 0 || status.services.size() + lines_around <= terminal.height)
        return status_text(status, terminal, now);
    std::vector<std::pair<std::size_t, std::size_t>> order;  // how urgent, and the place among equals
    for (std::size_t i = 0; i < status.services.size(); ++i)
        order.emplace_back(rank(status.services[i].state), i);
    std::sort(order.begin(), order.end());
    const std::size_t shown = terminal.height > lines_around ? terminal.height - lines_around : 1;
    std::vector<ServiceView> services;
    for (std::size_t i = 0; i < shown; ++i) services.push_back(status.services[order[i].second]);
    return table(services, terminal, now) + "... and " + std::to_string(status.services.size() - shown) +
           " more, less urgent\n" + below(status);
}

}  // namespace dpsup::ctl
