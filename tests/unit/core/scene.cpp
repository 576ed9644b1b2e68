#include "unit/core/scene.hpp"

#include <stdexcept>

namespace dpsup::core {

using namespace std::chrono_literals;

Spec& Spec::needs(const std::string& dependency, Condition condition) {
    depends_on.push_back({dependency, condition, false});
    return *this;
}
Spec& Spec::prefers(const std::string& dependency, Condition condition) {
    depends_on.push_back({dependency, condition, true});
    return *this;
}
Spec& Spec::on_loss(OnDependencyLoss what) {
    on_dependency_loss = what;
    return *this;
}
Spec& Spec::restarts(RestartWhen when) {
    restart.when = when;
    return *this;
}
Spec& Spec::gives_up_after(std::uint32_t attempts) {
    restart.give_up = true;
    restart.attempts = attempts;
    return *this;
}
Spec& Spec::delays(Duration delay, Duration most, double factor) {
    restart.delay = delay;
    restart.delay_max = most;
    restart.factor = factor;
    return *this;
}
Spec& Spec::stable_after(Duration duration) {
    restart.stable_after = duration;
    return *this;
}
Spec& Spec::on_unknown(UnknownEnd what) {
    restart.on_unknown = what;
    return *this;
}
Spec& Spec::probed(ProbePolicy probe) {
    probes.push_back(probe);
    return *this;
}
Spec& Spec::notifies() {
    notify = true;
    return *this;
}
Spec& Spec::watched(Duration every) {
    watchdog = every;
    return *this;
}
Spec& Spec::starts_within(Duration timeout) {
    start_timeout = timeout;
    return *this;
}
Spec& Spec::stops_within(Duration timeout) {
    stop_timeout = timeout;
    return *this;
}
Spec& Spec::reloads() {
    can_reload = true;
    return *this;
}
Spec& Spec::has_sockets() {
    listens = true;
    return *this;
}
Spec& Spec::by_hand() {
    autostart = false;
    return *this;
}

Spec service(const std::string& name) {
    Spec spec;
    spec.name = name;
    spec.restart.jitter = 0;
    return spec;
}

Spec job(const std::string& name) {
    auto spec = service(name);
    spec.kind = Kind::job;
    return spec;
}

ProbePolicy probe(ProbeRole role, OnProbeFailure on_failure) {
    ProbePolicy policy;
    policy.role = role;
    policy.on_failure = on_failure;
    policy.interval = 1s;
    policy.timeout = 1s;
    policy.retries = 1;
    return policy;
}

Scene::Scene(std::vector<Spec> specs, RestartBudget budget) : specs_(std::move(specs)), budget_(budget) {
    for (const auto& spec : specs_) {
        ids_[spec.name] = ServiceId{next_id_};
        names_[ServiceId{next_id_++}] = spec.name;
    }
}

std::string Scene::begin() {
    ConfigLoaded loaded{{}, budget_};
    for (const auto& spec : specs_)
        loaded.changes.push_back({Change::add, ids_.at(spec.name), spec, "", std::nullopt, false, {}});
    return step(loaded);
}

std::string Scene::crash(Duration away) {
    now_ += away;
    ConfigLoaded loaded{{}, budget_};
    for (const auto& [name, id] : ids_) {
        const Service& before = service_named(name);
        loaded.changes.push_back(
            {Change::add, id, before.policy, "", before.wanted == Wanted::up, false, {}});
        if (const auto record = records_.find(id); record != records_.end())
            loaded.changes.back().past = record->second;
    }
    supervisor_ = Supervisor();
    return step(loaded);
}

std::string Scene::crash_and_find(const std::string& name) {
    const auto record = records_.find(id(name));
    const auto past = record == records_.end() ? std::nullopt : std::optional(record->second);
    records_[id(name)] = snapshot_of_leftover(past, now_);
    return crash();
}

std::string Scene::add(const Spec& spec) {
    ids_[spec.name] = ServiceId{next_id_};
    names_[ServiceId{next_id_++}] = spec.name;
    return step(
        ConfigLoaded{{{Change::add, ids_.at(spec.name), spec, "", std::nullopt, false, {}}}, budget_});
}

std::string Scene::change(const Spec& spec, Change change) {
    return step(
        ConfigLoaded{{{change, ids_.at(spec.name), spec, "changed", std::nullopt, false, {}}}, budget_});
}

std::string Scene::remove(const std::string& name) {
    return step(
        ConfigLoaded{{{Change::remove, ids_.at(name), {}, "gone", std::nullopt, false, {}}}, budget_});
}

std::string Scene::fact(const std::string& name, Fact fact) {
    return step(ServiceEvent{ids_.at(name), service_named(name).generation, std::move(fact)});
}
std::string Scene::told(const std::string& name, std::uint64_t generation, Fact fact) {
    return step(ServiceEvent{ids_.at(name), Generation{generation}, std::move(fact)});
}
std::string Scene::launched(const std::string& name) {
    return fact(name, Launched{4711});
}
std::string Scene::launch_failed(const std::string& name) {
    return fact(name, LaunchFailed{"exec", 2, "/usr/bin/x"});
}
std::string Scene::says_ready(const std::string& name) {
    Notified said;
    said.ready = true;
    return fact(name, said);
}
std::string Scene::says(const std::string& name, const Notified& said) {
    return fact(name, said);
}
std::string Scene::pings(const std::string& name) {
    Notified said;
    said.watchdog = true;
    return fact(name, said);
}
std::string Scene::extends(const std::string& name, Duration by) {
    Notified said;
    said.extend_timeout = by;
    return fact(name, said);
}
std::string Scene::exited(const std::string& name, int code) {
    Exited exit;
    exit.code = code;
    return fact(name, exit);
}
std::string Scene::emptied(const std::string& name) {
    return fact(name, Emptied{});
}
std::string Scene::ended(const std::string& name, int code) {
    Exited exit;
    exit.code = code;
    return ended(name, service_named(name).generation.value, exit);
}
std::string Scene::ended(const std::string& name, std::uint64_t generation, const Exited& exit) {
    const std::string at_exit = told(name, generation, exit);
    const std::string when_empty = told(name, generation, Emptied{});
    return at_exit + (at_exit.empty() || when_empty.empty() ? "" : "; ") + when_empty;
}
std::string Scene::probed(const std::string& name, std::uint32_t probe, ProbeOutcome outcome) {
    const auto& run = service_named(name).run;
    if (!run) throw std::logic_error(name + " does not run");
    return fact(name, Probed{probe, run->probes.at(probe).sequence, outcome, ""});
}
std::string Scene::passed(const std::string& name, std::uint32_t probe) {
    return probed(name, probe, ProbeOutcome::passed);
}
std::string Scene::failed(const std::string& name, std::uint32_t probe) {
    return probed(name, probe, ProbeOutcome::failed);
}
std::string Scene::unknown(const std::string& name, std::uint32_t probe) {
    return probed(name, probe, ProbeOutcome::unknown);
}

std::string Scene::command(Command command, const std::vector<std::string>& names) {
    for (const auto& name : names) command.services.push_back(ids_.at(name));
    command.by = "root (uid 0)";
    return step(command);
}
std::string Scene::start(const std::vector<std::string>& names) {
    return command({.verb = Verb::start, .services = {}, .stop_timeout = {}, .by = {}}, names);
}
std::string Scene::start_cascade(const std::vector<std::string>& names) {
    return command({.verb = Verb::start, .services = {}, .cascade = true, .stop_timeout = {}, .by = {}},
                   names);
}
std::string Scene::stop(const std::vector<std::string>& names) {
    return command({.verb = Verb::stop, .services = {}, .stop_timeout = {}, .by = {}}, names);
}
std::string Scene::stop_cascade(const std::vector<std::string>& names) {
    return command({.verb = Verb::stop, .services = {}, .cascade = true, .stop_timeout = {}, .by = {}},
                   names);
}
std::string Scene::restart(const std::vector<std::string>& names) {
    return command({.verb = Verb::restart, .services = {}, .stop_timeout = {}, .by = {}}, names);
}
std::string Scene::restart_cascade(const std::vector<std::string>& names) {
    return command({.verb = Verb::restart, .services = {}, .cascade = true, .stop_timeout = {}, .by = {}},
                   names);
}
std::string Scene::shut_down() {
    return step(ShutdownRequested{});
}

std::string Scene::wait(Duration duration) {
    const Instant until = now_ + duration;
    std::string all;
    while (supervisor_.next_deadline() <= until) {
        now_ = std::max(now_, supervisor_.next_deadline());
        const auto effects = step(DeadlineReached{});
        if (!effects.empty()) all += (all.empty() ? "" : "; ") + effects;
    }
    now_ = until;
    return all;
}

Duration Scene::to_deadline() {
    const auto duration = supervisor_.next_deadline() - now_;
    wait(duration);
    return duration;
}

std::string Scene::state(const std::string& name) const {
    return std::string(to_string(service_named(name).state));
}

std::string Scene::states() const {
    std::string text;
    supervisor_.for_each([&](const Service& one) {
        text += (text.empty() ? "" : ", ") + one.policy.name + " " + std::string(to_string(one.state));
    });
    return text;
}

const Service& Scene::service_named(const std::string& name) const {
    const auto* found = supervisor_.find(ids_.at(name));
    if (found == nullptr) throw std::logic_error("there is no service " + name);
    return *found;
}

std::string Scene::step(const Event& event) {
    const auto output = supervisor_.step(event, now_);
    remembered_.clear();
    notes_.clear();
    for (const Note& note : output.notes) notes_.push_back(names_.at(note.service) + ": " + note.reason);
    for (const auto one : output.remember) remembered_ += (remembered_.empty() ? "" : " ") + names_.at(one);
    for (const auto one : output.record)
        if (const auto* service = supervisor_.find(one)) records_[one] = snapshot_of(*service);
    all_stopped_ |= output.all_stopped;
    std::string text;
    for (const auto& effect : output.effects) text += (text.empty() ? "" : "; ") + describe(effect);
    return text;
}

std::string Scene::describe(const Effect& effect) const {
    struct Text {
        const std::string& name;
        std::string operator()(const Launch&) const { return "launch " + name; }
        std::string operator()(const Adopt&) const { return "adopt " + name; }
        std::string operator()(const SendSignal& signal) const {
            return (signal.whole_tree ? "signal-tree " : "signal ") + name + " " +
                   std::to_string(signal.signal);
        }
        std::string operator()(const KillTree&) const { return "kill " + name; }
        std::string operator()(const RunProbe& run) const {
            return "probe " + name + " " + std::to_string(run.probe);
        }
        std::string operator()(const Reload&) const { return "reload " + name; }
        std::string operator()(const Hold&) const { return "hold " + name; }
        std::string operator()(const Release&) const { return "release " + name; }
        std::string operator()(const Forget&) const { return "forget " + name; }
    };
    return std::visit(Text{names_.at(effect.service)}, effect.action);
}

}  // namespace dpsup::core
