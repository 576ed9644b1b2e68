#include "control/encode.hpp"

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/units.hpp"
#include "base/utf8.hpp"

namespace dpsup::control {
namespace {

namespace json = boost::json;

// The values of one reply live together and are freed at once.
class Arena {
public:
    explicit Arena(std::size_t size) : memory_(size) {}
    [[nodiscard]] json::storage_ptr where() { return &memory_; }

private:
    json::monotonic_resource memory_;
};

constexpr std::size_t bytes_per_service = 1024;
constexpr std::size_t bytes_base = 1024;

json::string text(std::string_view raw, const json::storage_ptr& where) {
    if (is_utf8(raw)) return {raw, where};
    return {made_utf8(raw), where};
}

std::string seconds_of(WallTime time) {
    std::string text = format_wall_time(time);
    const auto dot = text.find('.');
    return dot == std::string::npos ? text : text.substr(0, dot) + "Z";
}

json::object object_of(const ServiceStatus& status, const json::storage_ptr& where) {
    json::object object(where);
    object.reserve(10);
    object.emplace("name", text(status.name, where));
    object.emplace("kind", status.kind);
    object.emplace("state", to_string(status.state));
    object.emplace("wanted", to_string(status.wanted));
    object.emplace("pid", status.pid);
    object.emplace("restarts", status.restarts);
    object.emplace("since", seconds_of(status.since));
    object.emplace("health", to_string(status.health));
    object.emplace("reason", text(status.reason, where));
    return object;
}

json::object object_of(const HostStatus& status, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("host", text(status.host, where));
    if (status.shutting_down) object.emplace("shutting_down", true);
    json::array services(where);
    services.reserve(status.services.size());
    for (const auto& service : status.services) services.push_back(object_of(service, where));
    object.emplace("services", std::move(services));
    return object;
}

json::object object_of(const Decision& decision, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("number", decision.number);
    object.emplace("at", format_wall_time(decision.at));
    object.emplace("service", text(decision.service, where));
    object.emplace("from", to_string(decision.from));
    object.emplace("to", to_string(decision.to));
    object.emplace("reason", text(decision.reason, where));
    return object;
}

json::object object_of(const DependencyStatus& dependency, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("service", text(dependency.service, where));
    object.emplace("condition", dependency.condition);
    object.emplace("optional", dependency.optional);
    object.emplace("holds", dependency.holds);
    object.emplace("state", to_string(dependency.state));
    return object;
}

json::object object_of(const ProbeStatus& probe, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("role", probe.role);
    object.emplace("target", text(probe.target, where));
    object.emplace("verdict", probe.verdict);
    object.emplace("detail", text(probe.detail, where));
    return object;
}

json::object object_of(const LogPlace& log, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("kind", log.kind);
    if (!log.path.empty()) object.emplace("path", text(log.path, where));
    if (!log.identifier.empty()) object.emplace("identifier", text(log.identifier, where));
    if (!log.unit.empty()) object.emplace("unit", text(log.unit, where));
    return object;
}

json::object object_of(const ServiceOutcome& outcome, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("name", text(outcome.name, where));
    object.emplace("reached", outcome.reached);
    object.emplace("state", to_string(outcome.state));
    object.emplace("reason", text(outcome.reason, where));
    return object;
}

json::object object_of(const PlanOperation& operation, const json::storage_ptr& where) {
    json::object object(where);
    object.emplace("service", text(operation.service, where));
    object.emplace("action", operation.action);
    json::array causes(where);
    for (const auto& cause : operation.causes) causes.push_back(text(cause, where));
    object.emplace("causes", std::move(causes));
    return object;
}

template <class Item>
json::array array_of(const std::vector<Item>& items, const json::storage_ptr& where) {
    json::array array(where);
    array.reserve(items.size());
    for (const auto& item : items) array.push_back(object_of(item, where));
    return array;
}

json::array array_of(const std::vector<std::string>& items, const json::storage_ptr& where) {
    json::array array(where);
    for (const auto& item : items) array.push_back(text(item, where));
    return array;
}

std::string line(const json::object& object) {
    return json::serialize(object) + "\n";
}

}  // namespace

std::string encode(const HostStatus& status) {
    Arena arena(bytes_base + bytes_per_service * status.services.size());
    return line(object_of(status, arena.where()));
}

std::string encode(const Explanation& explanation) {
    Arena arena(bytes_base * 4);
    const auto where = arena.where();
    json::object object(where);
    object.emplace("service", object_of(explanation.status, where));
    object.emplace("status_text", text(explanation.status.status_text, where));
    object.emplace("summary", text(explanation.summary, where));
    object.emplace("dependencies", array_of(explanation.dependencies, where));
    object.emplace("dependents", array_of(explanation.dependents, where));
    object.emplace("probes", array_of(explanation.probes, where));
    object.emplace("decisions", array_of(explanation.decisions, where));
    object.emplace("log", object_of(explanation.log, where));
    return line(object);
}

std::string encode(const CommandReply& reply) {
    Arena arena(bytes_base + bytes_per_service * reply.services.size());
    const auto where = arena.where();
    json::object object(where);
    object.emplace("services", array_of(reply.services, where));
    object.emplace("warnings", array_of(reply.warnings, where));
    return line(object);
}

std::string encode(const Error& error, const CommandReply& reply) {
    Arena arena(bytes_base + bytes_per_service * reply.services.size());
    const auto where = arena.where();
    json::object body(where);
    body.emplace("code", error.code);
    body.emplace("message", text(error.message, where));
    body.emplace("hint", text(error.hint, where));
    json::object object(where);
    object.emplace("error", std::move(body));
    object.emplace("services", array_of(reply.services, where));
    object.emplace("warnings", array_of(reply.warnings, where));
    return line(object);
}

std::string encode(const PlanReply& plan, bool applied) {
    Arena arena(bytes_base + bytes_per_service * plan.operations.size());
    const auto where = arena.where();
    json::object object(where);
    object.emplace("applied", applied);
    object.emplace("operations", array_of(plan.operations, where));
    object.emplace("warnings", array_of(plan.warnings, where));
    return line(object);
}

std::string encode(const std::vector<Decision>& decisions) {
    Arena arena(bytes_base + bytes_per_service * decisions.size());
    json::object object(arena.where());
    object.emplace("decisions", array_of(decisions, arena.where()));
    return line(object);
}

std::string snapshot_line(const HostStatus& status, std::uint64_t last) {
    Arena arena(bytes_base + bytes_per_service * status.services.size());
    json::object object = object_of(status, arena.where());
    object.emplace("type", "snapshot");
    object.emplace("last", last);
    return line(object);
}

std::string change_line(const Decision& decision, const std::optional<ServiceStatus>& status) {
    Arena arena(bytes_base * 2);
    json::object object(arena.where());
    object.emplace("type", "change");
    json::object rest = object_of(decision, arena.where());
    for (auto& member : rest) object.emplace(member.key(), std::move(member.value()));
    if (status) object.emplace("status", object_of(*status, arena.where()));
    return line(object);
}

std::string heartbeat_line() {
    return "{\"type\":\"heartbeat\"}\n";
}

std::string encode(const DaemonStopReply& reply) {
    const auto within = std::chrono::ceil<std::chrono::milliseconds>(reply.within);
    return line(json::object{
        {"pid", reply.pid}, {"leave_services", reply.leave_services}, {"within_ms", within.count()}});
}

std::string encode(const ReexecReply& reply) {
    return line(json::object{{"program", text(reply.program, {})},
                             {"version_before", reply.version_before},
                             {"version_after", text(reply.version_after, {})},
                             {"run", reply.run}});
}

std::string encode_version(std::string_view version, std::int64_t pid, const DaemonStatus& daemon) {
    json::object document{
        {"name", "dpsupd"}, {"version", version}, {"api", "v1"}, {"pid", pid}, {"run", daemon.run}};
    if (daemon.unsupervised)
        document["unsupervised_ms"] = std::chrono::duration<double, std::milli>(*daemon.unsupervised).count();
    if (!daemon.reexec_error.empty()) document["reexec_error"] = text(daemon.reexec_error, {});
    return line(document);
}

}  // namespace dpsup::control
