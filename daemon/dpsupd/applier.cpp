#include "applier.hpp"

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "config/inputs.hpp"
#include "io/clock.hpp"

namespace dpsup {
namespace {

control::PlanReply to_reply(const config::Difference& difference) {
    control::PlanReply reply;
    for (const config::Operation& operation : difference.operations)
        reply.operations.push_back(
            {operation.service, std::string(config::to_string(operation.action)), operation.causes});
    if (!difference.settings.empty()) reply.operations.push_back({"[daemon]", "update", difference.settings});
    reply.warnings = difference.warnings;
    return reply;
}

std::string not_on_record(const Error& error) {
    return "done, but it is not on record; should dpsupd die before it is, the files count as they are then, "
           "applied or not: " +
           error.message;
}

}  // namespace

Error to_error(const std::vector<config::Diagnostic>& diagnostics) {
    std::string text = "the configuration has errors:\n" + config::render(diagnostics);
    while (text.ends_with('\n')) text.pop_back();
    return {"invalid_config", std::move(text),
            "the running configuration goes on; mend the files and apply again"};
}

Applier::Applier(boost::asio::io_context& context, Engine& engine, Memory& memory, AppliedRecord& record,
                 std::string config_file, config::Config first)
    : context_(context),
      engine_(engine),
      memory_(memory),
      record_(record),
      config_file_(std::move(config_file)),
      catalogue_(std::move(first)),
      reader_(context, 1) {
    engine_.remember_done_as([this](ServiceId id) {
        const io::ServiceConfig config = engine_.world().config_of(id);
        return config ? config::fingerprint(*config) : std::string();
    });
}

core::ServiceChange Applier::add(const config::Service& service) const {
    const io::RememberedService remembered = memory_.of(service.name);
    core::ServiceChange change;
    change.change = core::Change::add;
    change.service = *catalogue_.id_of(service.name);
    change.policy = service.policy;
    change.wanted_up = remembered.wanted_up;
    change.done = !remembered.done_as.empty() && remembered.done_as == config::fingerprint(service);
    return change;
}

void Applier::start(config::Origin origin) {
    (void)record_.store(catalogue_.config().daemon, std::move(origin));  // tells, and tries again
    core::ConfigLoaded event;
    event.budget = catalogue_.config().daemon.restart_budget;
    std::map<std::string, ServiceId> known = catalogue_.ids();
    for (const auto& [name, record] : engine_.recorder().inherited()) {
        if (known.contains(name) || !record.snapshot.run) continue;
        known[name] = catalogue_.new_id();
        take_over_removed(name, known[name], record, event);
    }
    for (const config::Service& service : catalogue_.config().services) {
        event.changes.push_back(add(service));
        take_over(event.changes.back());
        if (service.process.leftovers == config::Leftovers::adopt) adopt_leftover(event.changes.back());
        engine_.world().configure(event.changes.back().service, catalogue_.service(service.name));
    }
    engine_.feed(event);
    engine_.world().end_adoption();
    engine_.recorder().keep_only(known);
}

// It runs, and is not configured any more: it stops as it would have under the daemon that launched it, in its turn.
void Applier::take_over_removed(const std::string& name, ServiceId id, const io::RunRecord& record,
                                core::ConfigLoaded& event) {
    auto service = std::make_shared<config::Service>();
    service->name = service->policy.name = name;
    service->policy.stop_signal = record.stop_signal;
    service->policy.stop_timeout = record.stop_timeout;
    for (const std::string& dependency : record.depends_on)
        service->policy.depends_on.push_back({dependency, core::Condition::started, false});
    core::ServiceChange change{core::Change::add, id, service->policy, {}, false, false, record.snapshot};
    event.changes.push_back(change);
    event.changes.push_back({core::Change::remove, id, {}, "removed", {}, false, {}});
    engine_.world().expect(
        id,
        {.process = {.pid = record.snapshot.run->pid, .start = record.process_start, .queued = record.queued},
         .output_offset = {},
         .launched_at = record.snapshot.run->launched_at,
         .verdicts = 0});
    engine_.world().configure(id, std::move(service));
}

// Applied by a daemon that died over it, or by nobody where the files count: as an apply would have it.
void Applier::restart_where_changed(core::Snapshot& past, const std::string& definition,
                                    const core::Policy& policy) const {
    const bool rests = past.state == core::State::stopped || past.state == core::State::waiting ||
                       (past.state == core::State::done && policy.kind == core::Kind::job);
    if (rests || past.restart_wanted) return;
    if (!config::launched_otherwise(definition, *catalogue_.service(policy.name))) return;
    past.restart_wanted = true;
    past.restart_cause = "its configuration changed while dpsupd was away";
}

// It was done with another definition. Where it died before it had saved with which, what was launched tells.
bool Applier::is_another_job(const core::ServiceChange& change, const io::RunRecord& record) const {
    if (record.snapshot.state != core::State::done) return false;
    if (!memory_.of(change.policy.name).done_as.empty()) return !change.done;
    return change.policy.kind == core::Kind::job &&
           config::launched_otherwise(record.definition, *catalogue_.service(change.policy.name));
}

// An earlier dpsupd of this boot has left it so.
void Applier::take_over(core::ServiceChange& change) {
    const io::RunRecords& records = engine_.recorder().inherited();
    const auto record = records.find(change.policy.name);
    if (record == records.end()) return;
    if (is_another_job(change, record->second)) {
        change.past = core::snapshot_of_changed_job(record->second.snapshot, io::now());
        return;
    }
    change.past = record->second.snapshot;
    restart_where_changed(*change.past, record->second.definition, change.policy);
    if (change.past->run)
        engine_.world().expect(change.service, {.process = {.pid = change.past->run->pid,
                                                            .start = record->second.process_start,
                                                            .queued = record->second.queued},
                                                .output_offset = record->second.output_offset,
                                                .launched_at = change.past->run->launched_at,
                                                .verdicts = change.past->run->verdicts});
}

// What runs though it is not on record becomes the service's instance, rather than to be killed and launched anew.
void Applier::adopt_leftover(core::ServiceChange& change) {
    World& world = engine_.world();
    const std::optional<core::Snapshot>& past = change.past;
    const bool is_done = past ? past->state == core::State::done : change.done;
    const bool was_to_run = !past || !past->run || past->run->phase == core::RunPhase::running;
    if (is_done || !was_to_run) return;
    const auto leftover = world.find_leftover(change.policy.name, world.expected(change.service));
    if (!leftover) return;
    change.past = core::snapshot_of_leftover(past, io::now());
    // Whatever its log probes wait for may have been written at any time.
    world.expect(change.service,
                 {.process = *leftover, .output_offset = 0, .launched_at = {}, .verdicts = 0});
}

void Applier::load(Loaded loaded) {
    ++loading_;
    const auto outcome = std::make_shared<config::LoadOutcome>();
    const auto read = [outcome, file = config_file_] {
        *outcome = config::load(file, config::process_environment());
    };
    const auto done = [this, loaded = std::move(loaded), outcome] {
        loaded(std::move(*outcome));
        --loading_;
    };
    if (reader_.submit(read, done)) return;
    outcome->diagnostics.push_back({{},
                                    config::Severity::error,
                                    "no thread can be had to read the files",
                                    "see the limits of tasks: ulimit -u, TasksMax="});
    boost::asio::post(context_, done);
}

Result<control::PlanReply> Applier::plan_for(const config::LoadOutcome& outcome) const {
    if (!outcome.config) return tl::unexpected(to_error(outcome.diagnostics));
    control::PlanReply reply = to_reply(config::difference(catalogue_.config(), *outcome.config));
    for (const config::Diagnostic& diagnostic : outcome.diagnostics)
        reply.warnings.push_back(config::render(diagnostic));
    return reply;
}

void Applier::plan(Reply reply) {
    load([this, reply = std::move(reply)](const config::LoadOutcome& outcome) { reply(plan_for(outcome)); });
}

void Applier::apply(const std::string& by, Reply reply) {
    load([this, by, reply = std::move(reply)](config::LoadOutcome outcome) {
        if (engine_.supervisor().shutting_down())
            return reply(fail("shutting_down", "dpsupd is shutting down and applies nothing"));
        if (outcome.config) {
            // Else what could not be read today would count as changed once it can be.
            config::keep_known_digests(outcome.origin.inputs, catalogue_.config());
            config::take_digests(*outcome.config, outcome.origin.inputs);
        }
        Result<control::PlanReply> plan = plan_for(outcome);
        if (plan) {
            const config::Difference difference = config::difference(catalogue_.config(), *outcome.config);
            const Result<void> recorded = carry_out(difference.operations, std::move(outcome));
            if (!recorded) plan->warnings.push_back(not_on_record(recorded.error()));
        }
        reply(std::move(plan));
    });
}

Result<void> Applier::carry_out(const std::vector<config::Operation>& operations,
                                config::LoadOutcome outcome) {
    const std::map<std::string, ServiceId> before = catalogue_.ids();
    // The paths of a running daemon stay what they are until it is started anew.
    config::Config wanted = std::move(*outcome.config);
    config::Daemon daemon = wanted.daemon;
    daemon.socket = catalogue_.config().daemon.socket;
    daemon.state_dir = catalogue_.config().daemon.state_dir;
    daemon.runtime_dir = catalogue_.config().daemon.runtime_dir;
    daemon.log_dir = catalogue_.config().daemon.log_dir;
    Result<void> recorded = record_.store(daemon, std::move(outcome.origin));
    wanted.daemon = std::move(daemon);
    catalogue_.adopt(std::move(wanted));

    core::ConfigLoaded event;
    event.budget = catalogue_.config().daemon.restart_budget;
    for (const config::Operation& operation : operations) {
        if (operation.action == core::Change::remove) {
            event.changes.push_back(
                {core::Change::remove, before.at(operation.service), {}, "removed", {}, false, {}});
            continue;
        }
        const io::ServiceConfig service = catalogue_.service(operation.service);
        core::ServiceChange change = add(*service);
        change.change = operation.action;
        change.cause = listed(operation.causes);
        event.changes.push_back(std::move(change));
    }
    for (const auto& [name, id] : catalogue_.ids()) engine_.world().configure(id, catalogue_.service(name));
    // Whoever is restarted ends under the limits that it has, and gets the new ones at its launch.
    for (const core::ServiceChange& change : event.changes)
        if (change.change == core::Change::update || change.change == core::Change::reload)
            engine_.world().limit(change.service);
    engine_.feed(event);
    if (applied_) applied_(catalogue_.config());
    return recorded;
}

}  // namespace dpsup
