#include "sim/trace.hpp"

#include <cstdio>

namespace dpsup::sim {
namespace {

using namespace std::chrono_literals;

std::string name_of(ServiceId id, const core::Supervisor& core) {
    const auto* service = core.find(id);
    return service ? service->policy.name : "gone" + std::to_string(id.value);
}

std::string seconds(Duration duration) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6fs", std::chrono::duration<double>(duration).count());
    return text;
}

struct FactText {
    std::string operator()(const core::Launched& fact) const {
        return "launched pid " + std::to_string(fact.pid);
    }
    std::string operator()(const core::LaunchFailed& fact) const { return "launch failed at " + fact.stage; }
    std::string operator()(const core::NotLaunched&) const { return "was not launched"; }
    std::string operator()(const core::Signaled&) const { return "was signalled"; }
    std::string operator()(const core::Notified& fact) const {
        std::string text = "notified";
        if (fact.ready) text += " READY";
        if (fact.reloading) text += " RELOADING";
        if (fact.stopping) text += " STOPPING";
        if (fact.watchdog) text += " WATCHDOG";
        if (fact.extend_timeout) text += " EXTEND_TIMEOUT " + seconds(*fact.extend_timeout);
        return text;
    }
    std::string operator()(const core::Exited& fact) const {
        const char* kind = fact.kind == core::ExitKind::exited     ? "exited "
                           : fact.kind == core::ExitKind::signaled ? "killed by "
                                                                   : "ended, unknown how ";
        return kind + std::to_string(fact.code);
    }
    std::string operator()(const core::Emptied&) const { return "emptied"; }
    std::string operator()(const core::Probed& fact) const {
        const char* outcome = fact.outcome == core::ProbeOutcome::passed   ? " passed"
                              : fact.outcome == core::ProbeOutcome::failed ? " failed"
                                                                           : " unknown";
        return "probe " + std::to_string(fact.probe) + " run " + std::to_string(fact.sequence) + outcome;
    }
    std::string operator()(const core::Reloaded& fact) const {
        return fact.success ? "reloaded" : "reload failed";
    }
};

struct ActionText {
    std::string operator()(const core::Launch&) const { return "launch"; }
    std::string operator()(const core::Adopt&) const { return "adopt"; }
    std::string operator()(const core::SendSignal& signal) const {
        return "signal " + std::to_string(signal.signal) + (signal.whole_tree ? " tree" : "");
    }
    std::string operator()(const core::KillTree&) const { return "kill-tree"; }
    std::string operator()(const core::RunProbe& probe) const {
        return "run-probe " + std::to_string(probe.probe) + " run " + std::to_string(probe.sequence);
    }
    std::string operator()(const core::Reload&) const { return "reload"; }
    std::string operator()(const core::Hold&) const { return "hold"; }
    std::string operator()(const core::Release&) const { return "release"; }
    std::string operator()(const core::Forget&) const { return "forget"; }
};

struct EventText {
    const core::Supervisor& core;

    std::string operator()(const core::ServiceEvent& event) const {
        return name_of(event.service, core) + "#" + std::to_string(event.generation.value) + " " +
               std::visit(FactText{}, event.fact);
    }
    std::string operator()(const core::Command& command) const {
        static constexpr const char* verbs[] = {"start", "stop", "restart", "kill", "reload"};
        std::string text = std::string("command ") + verbs[static_cast<int>(command.verb)] +
                           (command.cascade ? " --cascade" : "");
        for (const auto id : command.services) text += " " + name_of(id, core);
        return text;
    }
    std::string operator()(const core::ConfigLoaded& loaded) const {
        static constexpr const char* changes[] = {"add", "update", "reload", "restart", "remove"};
        std::string text = "config:";
        for (const auto& change : loaded.changes)
            text += std::string(" ") + changes[static_cast<int>(change.change)] + " " +
                    name_of(change.service, core) + "=" + std::to_string(change.service.value);
        return text;
    }
    std::string operator()(const core::ShutdownRequested&) const { return "shutdown requested"; }
    std::string operator()(const core::DeadlineReached&) const { return "deadline"; }
};

}  // namespace

std::string describe(const core::Event& event, const core::Supervisor& core) {
    return std::visit(EventText{core}, event);
}

std::string describe(const core::Output& output, const core::Supervisor& core) {
    std::string text;
    const auto add = [&](const std::string& what) { text += (text.empty() ? " => " : "; ") + what; };
    for (const auto& effect : output.effects)
        add(std::visit(ActionText{}, effect.action) + " " + name_of(effect.service, core) + "#" +
            std::to_string(effect.generation.value));
    for (const auto& note : output.notes) {
        const std::string states = note.from == note.to ? std::string()
                                                        : " " + std::string(to_string(note.from)) + " -> " +
                                                              std::string(to_string(note.to));
        add(name_of(note.service, core) + states + " (" + note.reason + ")");
    }
    if (output.all_stopped) add("ALL STOPPED");
    return text;
}

std::string describe(Instant now) {
    return seconds(now.time_since_epoch());
}

}  // namespace dpsup::sim
