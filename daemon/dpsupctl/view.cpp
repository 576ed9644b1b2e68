#include "dpsupctl/view.hpp"

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>

namespace dpsup::ctl {
namespace {

namespace json = boost::json;

const json::value& member(const json::object& object, std::string_view key) {
    static const json::value none;
    const auto* value = object.if_contains(key);
    return value == nullptr ? none : *value;
}

std::string text(const json::object& object, std::string_view key) {
    const auto* value = member(object, key).if_string();
    return value == nullptr ? std::string() : std::string(*value);
}

std::int64_t number(const json::object& object, std::string_view key) {
    const auto& value = member(object, key);
    if (const auto* plain = value.if_int64()) return *plain;
    return 0;
}

std::uint64_t count(const json::object& object, std::string_view key) {
    const auto value = number(object, key);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

bool flag(const json::object& object, std::string_view key) {
    const auto* value = member(object, key).if_bool();
    return value != nullptr && *value;
}

const json::object& object_in(const json::object& object, std::string_view key) {
    static const json::object none;
    const auto* value = member(object, key).if_object();
    return value == nullptr ? none : *value;
}

template <class View>
std::vector<View> list(const json::object& object, std::string_view key, View (*read)(const json::object&)) {
    std::vector<View> views;
    const auto* array = member(object, key).if_array();
    if (array == nullptr) return views;
    views.reserve(array->size());
    for (const auto& item : *array)
        if (const auto* each = item.if_object()) views.push_back(read(*each));
    return views;
}

std::vector<std::string> words(const json::object& object, std::string_view key) {
    std::vector<std::string> found;
    if (const auto* array = member(object, key).if_array())
        for (const auto& item : *array)
            if (const auto* word = item.if_string()) found.emplace_back(*word);
    return found;
}

ServiceView service_of(const json::object& object) {
    return {text(object, "name"),
            text(object, "kind"),
            text(object, "state"),
            text(object, "wanted"),
            number(object, "pid"),
            count(object, "restarts"),
            read_time(text(object, "since")),
            text(object, "health"),
            text(object, "reason")};
}

StatusView status_of(const json::object& object) {
    return {text(object, "host"), flag(object, "shutting_down"), list(object, "services", service_of)};
}

DecisionView decision_of(const json::object& object) {
    return {count(object, "number"), read_time(text(object, "at")),
            text(object, "service"), text(object, "from"),
            text(object, "to"),      text(object, "reason")};
}

DependencyView dependency_of(const json::object& object) {
    return {text(object, "service"), text(object, "condition"), flag(object, "optional"),
            flag(object, "holds"), text(object, "state")};
}

ProbeView probe_of(const json::object& object) {
    return {text(object, "role"), text(object, "target"), text(object, "verdict"), text(object, "detail")};
}

OutcomeView outcome_of(const json::object& object) {
    return {text(object, "name"), flag(object, "reached"), text(object, "state"), text(object, "reason")};
}

OperationView operation_of(const json::object& object) {
    return {text(object, "service"), text(object, "action"), words(object, "causes")};
}

ExplanationView explanation_of(const json::object& object) {
    const auto& log = object_in(object, "log");
    return {service_of(object_in(object, "service")),
            text(object, "status_text"),
            text(object, "summary"),
            list(object, "dependencies", dependency_of),
            words(object, "dependents"),
            list(object, "probes", probe_of),
            list(object, "decisions", decision_of),
            {text(log, "kind"), text(log, "path"), text(log, "identifier"), text(log, "unit")}};
}

CommandView command_of(const json::object& object) {
    return {list(object, "services", outcome_of), words(object, "warnings")};
}

PlanView plan_of(const json::object& object) {
    return {flag(object, "applied"), list(object, "operations", operation_of), words(object, "warnings")};
}

std::vector<DecisionView> decisions_of(const json::object& object) {
    return list(object, "decisions", decision_of);
}

VersionView version_of(const json::object& object) {
    std::optional<double> unsupervised;
    if (const auto& value = member(object, "unsupervised_ms"); value.is_number())
        unsupervised = value.to_number<double>();
    return {text(object, "version"), number(object, "pid"), text(object, "run"), unsupervised,
            text(object, "reexec_error")};
}

ReexecView reexec_of(const json::object& object) {
    return {text(object, "version_before"), text(object, "run")};
}

DaemonStopView daemon_stop_of(const json::object& object) {
    return {number(object, "pid"), flag(object, "leave_services"),
            std::chrono::milliseconds(number(object, "within_ms"))};
}

EventView event_of(const json::object& object) {
    EventView event;
    event.type = text(object, "type");
    if (event.type == "snapshot") {
        event.snapshot = status_of(object);
        event.last = count(object, "last");
    } else if (event.type == "change") {
        event.change = decision_of(object);
        if (const auto* status = member(object, "status").if_object()) event.status = service_of(*status);
    }
    return event;
}

template <class View>
Result<View> read(std::string_view text, View (*convert)(const json::object&)) {
    json::monotonic_resource memory(text.size() * 4 + 1024);
    boost::system::error_code error;
    const json::value value = json::parse(text, error, &memory);
    if (error || !value.is_object())
        return fail("no_answer", "dpsupd's answer is not what this dpsupctl understands",
                    "see whether both are of the same version: dpsupctl version");
    return convert(value.get_object());
}

int digits(std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

Result<StatusView> read_status(std::string_view json) {
    return read(json, status_of);
}
Result<ExplanationView> read_explanation(std::string_view json) {
    return read(json, explanation_of);
}
Result<CommandView> read_command(std::string_view json) {
    return read(json, command_of);
}
Result<PlanView> read_plan(std::string_view json) {
    return read(json, plan_of);
}
Result<std::vector<DecisionView>> read_decisions(std::string_view json) {
    return read(json, decisions_of);
}
Result<VersionView> read_version(std::string_view json) {
    return read(json, version_of);
}
Result<DaemonStopView> read_daemon_stop(std::string_view json) {
    return read(json, daemon_stop_of);
}
Result<ReexecView> read_reexec(std::string_view json) {
    return read(json, reexec_of);
}
Result<EventView> read_event(std::string_view json) {
    return read(json, event_of);
}

Error read_error(unsigned status, std::string_view json) {
    const auto error_of = +[](const json::object& object) {
        const auto& error = object_in(object, "error");
        return Error{text(error, "code"), text(error, "message"), text(error, "hint")};
    };
    auto error = read(json, error_of);
    if (error && !error->code.empty()) return *error;
    return {"failed", "dpsupd answered with HTTP status " + std::to_string(status),
            "see its log: journalctl -u dpsupd"};
}

WallTime read_time(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[10] != 'T') return {};
    using namespace std::chrono;
    const year_month_day day(year(digits(text.substr(0, 4))),
                             month(static_cast<unsigned>(digits(text.substr(5, 2)))),
                             std::chrono::day(static_cast<unsigned>(digits(text.substr(8, 2)))));
    if (!day.ok()) return {};
    const auto fraction = text[19] == '.' ? text.substr(20, 3) : std::string_view();
    return WallTime(sys_days(day)) + hours(digits(text.substr(11, 2))) + minutes(digits(text.substr(14, 2))) +
           seconds(digits(text.substr(17, 2))) + milliseconds(fraction.size() == 3 ? digits(fraction) : 0);
}

}  // namespace dpsup::ctl
