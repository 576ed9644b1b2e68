#include "dpsupctl/story.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "base/units.hpp"
#include "dpsupctl/text.hpp"

namespace dpsup::ctl {
namespace {

std::string painted(std::string_view word, const Terminal& terminal) {
    const auto colour = terminal.colour ? colour_of(word) : std::string_view();
    if (colour.empty()) return harmless(word);
    return std::string(colour) + harmless(word) + std::string(colour_end);
}

std::string heading(std::string_view words, const Terminal& terminal) {
    if (!terminal.colour) return "\n" + std::string(words) + "\n";
    return "\n" + std::string(bold) + std::string(words) + std::string(colour_end) + "\n";
}

std::string sentence(std::string text) {
    text = harmless(text);
    if (!text.empty() && std::string_view(".!?").find(text.back()) == std::string_view::npos) text += '.';
    return text;
}

std::size_t longest(const auto& items, auto part) {
    std::size_t width = 0;
    for (const auto& item : items) width = std::max(width, width_of(part(item)));
    return width;
}

std::string padded(std::string text, std::size_t width) {
    pad_to(text, width, width_of(text));
    return text;
}

// A summary may open with what our first line says already: "web is waiting since 3s: ...".
std::string_view without_opening(std::string_view summary, const std::string& name) {
    const auto colon = summary.find(": ");
    if (!summary.starts_with(name + " is ") || colon == std::string_view::npos) return summary;
    return summary.substr(colon + 2);
}

std::string about(const ExplanationView& explanation, const Terminal& terminal, WallTime now) {
    const auto& service = explanation.service;
    std::string text = harmless(service.name) + " is " + painted(service.state, terminal);
    if (service.since != WallTime{})
        text += " for " +
                format_duration_rounded(
                    std::chrono::floor<std::chrono::seconds>(std::max(now, service.since) - service.since)) +
                ", since " + local_time(service.since);
    text += ".\n";
    const std::string_view why = without_opening(explanation.summary, service.name);
    if (!why.empty()) text += "  " + sentence(std::string(why)) + "\n";
    if (!service.reason.empty() && why.find(service.reason) == std::string_view::npos)
        text += "  " + sentence(service.reason) + "\n";
    text += "  Wanted " + harmless(service.wanted) + "; " + harmless(service.kind);
    text += service.pid == 0 ? ", no process" : ", pid " + std::to_string(service.pid);
    text += ", " + std::to_string(service.restarts) + (service.restarts == 1 ? " restart" : " restarts");
    if (service.health != "none" && !service.health.empty()) text += ", health " + harmless(service.health);
    text += ".\n";
    if (!explanation.status_text.empty()) text += "  It says: " + harmless(explanation.status_text) + "\n";
    return text;
}

std::string dependencies_text(const ExplanationView& explanation, const Terminal& terminal) {
    std::string text;
    const auto& dependencies = explanation.dependencies;
    if (!dependencies.empty()) text += heading("Depends on", terminal);
    const std::size_t width =
        longest(dependencies, [](const auto& each) -> const auto& { return each.service; });
    for (const auto& dependency : dependencies) {
        text += dependency.holds ? "  ok       " : dependency.optional ? "  missing  " : "  WAITING  ";
        text += padded(harmless(dependency.service), width) + "  must be " +
                padded(harmless(dependency.condition), 7) + "  is " + painted(dependency.state, terminal) +
                (dependency.optional ? "  (optional)" : "") + "\n";
    }
    if (!explanation.dependents.empty()) {
        text += heading("Needed by", terminal) + "  ";
        for (std::size_t i = 0; i < explanation.dependents.size(); ++i)
            text += (i == 0 ? "" : ", ") + harmless(explanation.dependents[i]);
        text += "\n";
    }
    return text;
}

std::string probes_text(const ExplanationView& explanation, const Terminal& terminal) {
    if (explanation.probes.empty()) return {};
    std::string text = heading("Probes", terminal);
    const std::size_t width =
        longest(explanation.probes, [](const auto& each) -> const auto& { return each.role; });
    for (const auto& probe : explanation.probes) {
        text += "  " + padded(harmless(probe.role), width) + "  " + padded(harmless(probe.verdict), 7) +
                "  " + harmless(probe.target);
        if (!probe.detail.empty()) text += ": " + harmless(probe.detail);
        text += "\n";
    }
    return text;
}

std::string history_text(const ExplanationView& explanation, const Terminal& terminal) {
    if (explanation.decisions.empty()) return {};
    std::string text = heading("What happened, oldest first", terminal);
    for (const auto& decision : explanation.decisions) {
        text += "  " + local_time(decision.at) + "  ";
        const std::string change = harmless(decision.from) + " -> " + harmless(decision.to);
        text += padded(change, 22) + "  " + harmless(decision.reason) + "\n";
    }
    return text;
}

std::string log_place(const LogView& log, const std::string& name) {
    if (log.kind == "file") return "in " + harmless(log.path);
    if (log.kind == "journal")
        return "in the journal: journalctl -t " + harmless(log.identifier) +
               (log.unit.empty() ? "" : " _SYSTEMD_UNIT=" + harmless(log.unit));
    return "nowhere: the configuration of " + harmless(name) + " discards it";
}

std::string log_text(const ExplanationView& explanation, const std::vector<std::string>& lines,
                     const Terminal& terminal) {
    std::string text = heading("Its output", terminal);
    text += "  is " + log_place(explanation.log, explanation.service.name) +
            (lines.empty() ? "" : "; the last lines:") + "\n";
    for (const auto& line : lines) text += "  | " + harmless(line) + "\n";
    return text;
}

std::vector<std::string> advice(const ExplanationView& explanation) {
    const std::string name = harmless(explanation.service.name);
    const std::string& state = explanation.service.state;
    std::vector<std::string> commands;
    if (state == "waiting") {
        for (const auto& dependency : explanation.dependencies)
            if (!dependency.holds && !dependency.optional)
                commands.push_back("dpsupctl explain " + harmless(dependency.service));
    } else if (state == "backoff" || state == "failed") {
        commands = {"dpsupctl logs " + name, "dpsupctl " +
                                                 std::string(state == "failed" ? "start " : "restart ") +
                                                 name + " --wait   (tries at once)"};
    } else if (state == "unhealthy" || state == "starting") {
        commands = {"dpsupctl logs -f " + name};
    } else if (state == "stopped") {
        commands = {"dpsupctl start " + name + " --wait"};
    } else if (state == "stopping") {
        commands = {"dpsupctl kill " + name + "   (if it must end now)"};
    }
    return commands;
}

std::string_view sign_of(std::string_view action) {
    if (action == "add") return "+ ";
    if (action == "remove") return "- ";
    return "~ ";
}

}  // namespace

std::string explanation_text(const ExplanationView& explanation, const std::vector<std::string>& log_lines,
                             const Terminal& terminal, WallTime now) {
    std::string text = about(explanation, terminal, now);
    text += dependencies_text(explanation, terminal);
    text += probes_text(explanation, terminal);
    text += history_text(explanation, terminal);
    text += log_text(explanation, log_lines, terminal);
    const auto commands = advice(explanation);
    if (!commands.empty()) text += heading("Next", terminal);
    for (const auto& command : commands) text += "  " + command + "\n";
    return text;
}

std::string decision_line(const DecisionView& decision, const Terminal& terminal) {
    return local_time(decision.at) + "  " + padded(harmless(decision.service), 20) + "  " +
           harmless(decision.from) + " -> " + painted(decision.to, terminal) + "  " +
           harmless(decision.reason) + "\n";
}

std::string plan_text(const PlanView& plan) {
    std::string text;
    for (const auto& warning : plan.warnings) text += "warning: " + harmless(warning) + "\n";
    if (plan.operations.empty()) return text + "Nothing to do: what runs is what is configured.\n";
    const std::size_t width =
        longest(plan.operations, [](const auto& each) -> const auto& { return each.service; });
    for (const auto& operation : plan.operations) {
        text += std::string(sign_of(operation.action)) + padded(harmless(operation.action), 7) + "  " +
                padded(harmless(operation.service), width) + "  " + harmless(listed(operation.causes));
        while (text.back() == ' ') text.pop_back();
        text += "\n";
    }
    const std::size_t count = plan.operations.size();
    text += std::to_string(count) + (count == 1 ? " operation" : " operations");
    text += plan.applied ? ", under way; follow with: dpsupctl status --watch\n"
                         : "; carry out with: dpsupctl apply\n";
    return text;
}

std::string outcome_text(const CommandView& command, const Terminal& terminal) {
    std::string text;
    for (const auto& warning : command.warnings) text += "warning: " + harmless(warning) + "\n";
    const std::size_t width =
        longest(command.services, [](const auto& each) -> const auto& { return each.name; });
    for (const auto& outcome : command.services) {
        text += padded(harmless(outcome.name), width) + "  " + painted(outcome.state, terminal);
        if (!outcome.reason.empty()) text += "  " + harmless(outcome.reason);
        text += "\n";
    }
    return text;
}

}  // namespace dpsup::ctl
