// The rows of [service.NAME] that say what runs, when it starts, when it is restarted and how it ends.
#include <array>

#include "base/units.hpp"
#include "config/keys.hpp"
#include "config/kinds.hpp"
#include "config/section_io.hpp"

namespace dpsup::config {
namespace {

using core::Condition;
using core::Dependency;
using core::Kind;
using core::OnDependencyLoss;
using core::Policy;
using core::RestartPolicy;
using core::RestartWhen;
using core::UnknownEnd;

constexpr std::array conditions{Word<Condition>{"started", Condition::started},
                                Word<Condition>{"ready", Condition::ready},
                                Word<Condition>{"done", Condition::done}};
constexpr std::array losses{Word<OnDependencyLoss>{"keep", OnDependencyLoss::keep},
                            Word<OnDependencyLoss>{"stop", OnDependencyLoss::stop},
                            Word<OnDependencyLoss>{"restart", OnDependencyLoss::restart}};
constexpr std::array restarts{Word<RestartWhen>{"always", RestartWhen::always},
                              Word<RestartWhen>{"on-failure", RestartWhen::on_failure},
                              Word<RestartWhen>{"no", RestartWhen::never}};
constexpr std::array unknown_ends{Word<UnknownEnd>{"failure", UnknownEnd::failure},
                                  Word<UnknownEnd>{"success", UnknownEnd::success}};

template <class Value, auto Member>
constexpr auto policy(Key key) {
    return field<Value, &Service::policy, Member>(key);
}

constexpr std::array leftovers{Word<Leftovers>{"kill", Leftovers::kill},
                               Word<Leftovers>{"adopt", Leftovers::adopt}};

// --- job ---

void read_job(Reading& reading, const Node& node, Service& service) {
    bool job = service.policy.kind == Kind::job;
    Boolean::read(reading, node, job);
    service.policy.kind = job ? Kind::job : Kind::service;
}

// --- depends_on ---

void read_dependency_names(Reading& reading, const Array& names, std::vector<Dependency>& dependencies) {
    for (const Node& node : names) {
        Dependency dependency;
        Text::read(reading, node, dependency.service);
        if (!dependency.service.empty()) dependencies.push_back(std::move(dependency));
    }
}

void read_dependencies(Reading& reading, const Node& node, Service& service) {
    std::vector<Dependency> dependencies;
    if (const Array* names = node.array()) {
        read_dependency_names(reading, *names, dependencies);
    } else if (const Table* table = node.table()) {
        for (const Entry& entry : *table) {
            const Reading::Inside inside(reading, entry.key);
            Dependency dependency{.service = entry.key};
            if (entry.value.table() != nullptr)
                read_section(reading, entry.value, dependency_section(), dependency);
            else
                OneOf<conditions>::read(reading, entry.value, dependency.condition);
            dependencies.push_back(std::move(dependency));
        }
    } else {
        const std::string* name = node.string();
        return reading.expected(node, "an array of names, or a table",
                                name == nullptr ? "" : "write [" + quoted(*name) + "]");
    }
    service.policy.depends_on = std::move(dependencies);
}

std::string show(const Dependency& dependency) {
    std::string text = OneOf<conditions>::show(dependency.condition);
    if (dependency.optional) text = "{ condition = " + text + ", optional = true }";
    return text;
}

std::string show_dependencies(const Service& service) {
    std::string text;
    for (const Dependency& dependency : service.policy.depends_on)
        text += (text.empty() ? "{ " : ", ") + dependency.service + " = " + show(dependency);
    return text.empty() ? text : text + " }";
}

void compare_dependencies(const Field<Service>& row, const Service& before, const Service& after,
                          Comparison& comparison) {
    const auto find = [](const Service& service, const std::string& name) {
        const auto& all = service.policy.depends_on;
        const auto found = std::ranges::find(all, name, &Dependency::service);
        return found == all.end() ? std::string() : show(*found);
    };
    const Comparison::Inside inside(comparison, row.key.name);
    for (const Dependency& dependency : before.policy.depends_on)
        comparison.changed(dependency.service, show(dependency), find(after, dependency.service),
                           row.key.change);
    for (const Dependency& dependency : after.policy.depends_on)
        if (find(before, dependency.service).empty())
            comparison.changed(dependency.service, {}, show(dependency), row.key.change);
}

// --- restart ---

// Compose's "on-failure:5".
bool tell_counted_policy(Reading& reading, const Node& node) {
    constexpr std::string_view counted = "on-failure:";
    const std::string* text = node.string();
    if (text == nullptr || !text->starts_with(counted)) return false;
    reading.expected(
        node, OneOf<restarts>::shape(),
        "write { policy = \"on-failure\", give_up = true, attempts = " + text->substr(counted.size()) + " }");
    return true;
}

void read_restart(Reading& reading, const Node& node, Service& service) {
    if (node.table() != nullptr) {
        read_section(reading, node, restart_section(), service.policy.restart);
    } else if (const auto flag = Reading::boolean(node)) {
        reading.expected(node, OneOf<restarts>::shape(), *flag ? "write \"always\"" : "write \"no\"");
    } else if (!tell_counted_policy(reading, node)) {
        OneOf<restarts>::read(reading, node, service.policy.restart.when);
    }
}

std::string restart_shape() {
    return OneOf<restarts>::shape() + ", or a table";
}

constexpr auto restart_of = [](const Service& service) -> const RestartPolicy& {
    return service.policy.restart;
};

constexpr std::array rows{
    field<Command, &Service::process, &Process::command>(
        {.name = "command",
         .doc = "What to run: the program and its arguments. Required. The program is looked up in PATH "
                "where its name "
                "has no slash. A string is split as a shell would split it, but no shell is run.",
         .example = R"(["/usr/sbin/haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg"])",
         .change = ChangeClass::restart}),
    Field<Service>{{.name = "job",
                    .doc = "It runs to completion: exit code 0 makes it done, which others can depend on.",
                    .example = "true",
                    .change = ChangeClass::restart},
                   &Boolean::shape,
                   &read_job,
                   [](const Service& service) { return Boolean::show(service.policy.kind == Kind::job); },
                   &compare_shown<Service>},
    policy<Boolean, &Policy::autostart>({.name = "enabled",
                                         .doc = "Start it by itself when it is first seen. What somebody "
                                                "stopped or started later is remembered.",
                                         .example = "false"}),
    Field<Service>{
        {.name = "depends_on",
         .doc = R"(What must hold of others before it starts: "started", "ready" (its probes pass) or )"
                R"("done" (a job that succeeded). An array of names means "started".)",
         .example = R"({ postgres = "ready", init-databases = "done" })"},
        [] { return std::string("array of names, or table of conditions"); },
        &read_dependencies,
        &show_dependencies,
        &compare_dependencies},
    policy<OneOf<losses>, &Policy::on_dependency_loss>(
        {.name = "on_dependency_loss",
         .doc =
             R"(What it does when a dependency that it needed goes away while it runs: "keep" running, "stop" until )"
             R"(the dependency is back, or "restart" once it is back.)",
         .example = R"("restart")"}),
    table_row<Service, restart_section, restart_of>(
        {.name = "restart",
         .doc = "When to start it again after it ended; a table says how fast.",
         .example = R"("on-failure")",
         .fallback = R"("always"; a job: "on-failure")"},
        &restart_shape, &read_restart),
    policy<Boolean, &Policy::notify>(
        {.name = "notify",
         .doc = "It is ready only once it has said READY=1 through sd_notify(3).",
         .example = "true",
         .change = ChangeClass::restart}),
    policy<Span<0>, &Policy::watchdog>(
        {.name = "watchdog",
         .doc = "Once ready, it is restarted if it does not send WATCHDOG=1 "
                "through sd_notify(3) at least this often, with half as long again "
                "where dpsupd itself was held up; needs notify. 0: not watched.",
         .example = R"("30s")",
         .change = ChangeClass::restart,
         .fallback = R"("0s")"}),
    policy<Span<0>, &Policy::start_timeout>(
        {.name = "start_timeout",
         .doc =
             "How long it may take to become ready, a job to be done. Then it counts as failed. 0: for ever.",
         .example = R"("2m")",
         .fallback = R"("0s")"}),
    policy<Span<0>, &Policy::stop_timeout>(
        {.name = "stop_timeout",
         .doc = "How long it may take to end after the stop signal. Then all its processes are killed.",
         .example = R"("90s")"}),
    policy<Signal, &Policy::stop_signal>(
        {.name = "stop_signal", .doc = "The signal that asks it to end.", .example = R"("SIGINT")"}),
    field<OneOf<leftovers>, &Service::process, &Process::leftovers>(
        {.name = "leftovers",
         .doc =
             R"(What becomes of processes that an earlier dpsupd left, where its record of the service is lost or )"
             R"(names another main process: "kill" them, or "adopt" the oldest that leads a session as the main )"
             R"(process.)",
         .example = R"("adopt")"}),
};

constexpr std::array dependency_rows{
    field<OneOf<conditions>, &Dependency::condition>(
        {.name = "condition", .doc = "What must hold of it.", .example = R"("ready")"}),
    field<Boolean, &Dependency::optional>(
        {.name = "optional",
         .doc = "It only orders: if it is missing or fails, the service starts without it.",
         .example = "true"}),
};

constexpr std::array restart_rows{
    field<OneOf<restarts>, &RestartPolicy::when>(
        {.name = "policy",
         .doc = "When to start it again. What somebody stopped stays stopped, whatever the policy.",
         .example = R"("always")",
         .fallback = R"("always"; a job: "on-failure")"}),
    field<Span<0>, &RestartPolicy::delay>(
        {.name = "delay", .doc = "The wait before the first retry.", .example = R"("100ms")"}),
    field<Span<1>, &RestartPolicy::delay_max>(
        {.name = "max_delay", .doc = "The longest wait between retries.", .example = R"("30s")"}),
    field<Number<1000, 100>, &RestartPolicy::factor>(
        {.name = "factor", .doc = "By how much the wait grows from retry to retry.", .example = "2"}),
    field<Number<0, 1>, &RestartPolicy::jitter>(
        {.name = "jitter",
         .doc = "The fraction by which each wait is spread at random, so that services do not retry in step.",
         .example = "0.1"}),
    field<Span<0>, &RestartPolicy::stable_after>(
        {.name = "stable_after",
         .doc = "A run that lasted so long makes the next wait the first one again.",
         .example = R"("60s")"}),
    field<Boolean, &RestartPolicy::give_up>({.name = "give_up",
                                             .doc = "Stop retrying after so many attempts: it is failed "
                                                    "then, until a command. Otherwise retries never end.",
                                             .example = "true"}),
    field<Integer<std::uint32_t, 1, 1'000'000>, &RestartPolicy::attempts>(
        {.name = "attempts",
         .doc = "Retries in a row before it gives up. Used only with give_up.",
         .example = "10"}),
    field<OneOf<unknown_ends>, &RestartPolicy::on_unknown>(
        {.name = "on_unknown",
         .doc =
             R"(What it counts as when it ended and nobody saw how, because dpsupd had died: "failure", or )"
             R"("success", as exit code 0. A job is then done.)",
         .example = R"("success")"}),
};

}  // namespace

std::span<const Field<Service>> lifecycle_rows() {
    return rows;
}

const Section<Dependency>& dependency_section() {
    static constexpr Section<Dependency> section{"service.NAME.depends_on.OTHER",
                                                 "The long form of one dependency.", dependency_rows};
    return section;
}

const Section<RestartPolicy>& restart_section() {
    static constexpr Section<RestartPolicy> section{"service.NAME.restart",
                                                    "Retry n waits min(delay * factor^n, max_delay), spread "
                                                    "by the jitter. Retries slow down but never end, unless "
                                                    "give_up is set.",
                                                    restart_rows};
    return section;
}

}  // namespace dpsup::config
