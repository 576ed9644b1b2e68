#include "dpsupctl/watch.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <thread>

#include "dpsupctl/asking.hpp"
#include "dpsupctl/client.hpp"
#include "dpsupctl/table.hpp"
#include "dpsupctl/text.hpp"

namespace dpsup::ctl {
namespace {

constexpr Duration redraw_least =
    std::chrono::milliseconds(100);                     // a storm of changes is drawn ten times a second
constexpr Duration age_step = std::chrono::seconds(1);  // SINCE counts on
constexpr Duration retry_pause = std::chrono::seconds(1);

bool shown(const std::vector<std::string>& names, const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

// Writes over what was drawn before, so that nothing flickers; without a terminal each picture follows the
// last.
std::string frame(const std::string& picture, const Terminal& terminal) {
    if (terminal.width == 0) return picture + "\n";
    std::string text = "\x1b[H";
    for (const char c : picture) {
        if (c == '\n') text += "\x1b[K";
        text += c;
    }
    return text + "\x1b[J";
}

Result<void> draw(const StatusView& status) {
    const Terminal screen = terminal();
    return print(frame(watch_text(status, screen, wall_now()), screen));
}

bool moves_on(const ServiceView& service) {
    return service.state == "starting" || service.state == "unhealthy";
}

// A failure is passed over: the stream tells of it.
void ask_reasons(StatusView& status, const Options& options) {
    if (std::none_of(status.services.begin(), status.services.end(), moves_on)) return;
    const auto body = ask(options, {.target = "/v1/status"});
    if (!body) return;
    if (const auto later = read_status(*body)) take_reasons(status, *later);
}

// Shows one stream until it ends; then the error says why.
Error follow(Client& client, const Options& options) {
    StatusView status;
    bool changed = false;
    auto drawn_at = std::chrono::steady_clock::now() - age_step;
    const bool ages = terminal().width > 0;
    for (;;) {
        const auto line = client.next_line(changed ? redraw_least : age_step);
        if (!line) return line.error();
        if (*line) {
            const auto event = read_event(**line);
            if (!event) return event.error();
            if (options.json) {
                if (auto printed = print(**line + "\n"); !printed) return printed.error();
                continue;
            }
            changed = take_event(status, *event, options.names) || changed;
        }
        const auto now = std::chrono::steady_clock::now();
        const auto age = now - drawn_at;
        if ((changed && age >= redraw_least) || (ages && age >= age_step)) {
            if (!changed) ask_reasons(status, options);
            if (auto drawn = draw(status); !drawn) return drawn.error();
            drawn_at = now;
            changed = false;
        }
    }
}

bool ends_watching(const Error& error) {
    return error.code != "not_running" && error.code != "no_answer";
}

}  // namespace

bool take_event(StatusView& status, const EventView& event, const std::vector<std::string>& names) {
    auto& services = status.services;
    if (event.type == "snapshot") {
        status = event.snapshot;
        std::erase_if(services, [&](const ServiceView& each) { return !shown(names, each.name); });
        return true;
    }
    if (event.type != "change" || !shown(names, event.change.service)) return false;
    const auto place = std::find_if(services.begin(), services.end(), [&](const ServiceView& each) {
        return each.name == event.change.service;
    });
    if (!event.status) {
        if (place != services.end()) services.erase(place);
    } else if (place == services.end()) {
        services.push_back(*event.status);
    } else {
        *place = *event.status;
    }
    return true;
}

void take_reasons(StatusView& status, const StatusView& later) {
    std::map<std::string_view, const ServiceView*> known;
    for (const ServiceView& service : later.services) known.emplace(service.name, &service);
    for (ServiceView& service : status.services) {
        const auto found = known.find(service.name);
        if (found == known.end() || !moves_on(service)) continue;
        const ServiceView& now = *found->second;
        if (now.state == service.state && now.restarts == service.restarts) service = now;
    }
}

// A daemon that restarts is no reason to stop watching it; one that was never there is.
Exit watch_status(const Options& options) {
    if (terminal().width > 0 && !options.json)
        if (const auto cleared = print("\x1b[2J"); !cleared) return report(cleared.error(), false);
    for (bool seen = false;; seen = true) {
        Client client(options.socket);
        const auto opened = client.open_stream("/v1/events");
        Error error;
        if (!opened)
            error = opened.error();
        else if (opened->status != 200)
            error = read_error(opened->status, opened->body);
        else
            error = follow(client, options);
        if (ends_watching(error) || (!seen && !opened)) return report(error, options.json);
        (void)report({error.code, error.message + "; trying again", ""}, false);
        std::this_thread::sleep_for(retry_pause);
    }
}

}  // namespace dpsup::ctl
