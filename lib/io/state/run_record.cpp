#include "io/state/run_record.hpp"

#include <boost/json.hpp>
#include <type_traits>

#include "io/state/record_file.hpp"

namespace dpsup::io {
namespace {

namespace json = boost::json;

std::int64_t ns(Instant instant) {
    return instant.time_since_epoch().count();
}

json::object encode_exit(const core::Exited& exit) {
    return {{"kind", static_cast<int>(exit.kind)},
            {"code", exit.code},
            {"core", exit.core_dumped},
            {"oom", exit.out_of_memory}};
}

json::object encode_instance(const core::RunSnapshot& run) {
    json::object object{{"phase", static_cast<int>(run.phase)},
                        {"cause", static_cast<int>(run.cause)},
                        {"end_reason", run.end_reason},
                        {"pid", run.pid},
                        {"launched_at", ns(run.launched_at)},
                        {"ended_at", ns(run.ended_at)},
                        {"kill_at", ns(run.kill_at)},
                        {"was_ready", run.was_ready},
                        {"notified", run.notified_ready},
                        {"verdicts", run.verdicts},
                        {"start_deadline", ns(run.start_deadline)}};
    if (run.stop_sent) object["stop_sent"] = true;
    if (run.reload_open) object["reload_open"] = true;
    if (run.exit) object["exit"] = encode_exit(*run.exit);
    return object;
}

// Reads one object field by field; whatever is missing, of another type or out of range makes it bad.
class Reader {
public:
    Reader(const json::value* value, bool& good)
        : object_(value == nullptr ? nullptr : value->if_object()), good_(good) {
        if (object_ == nullptr) good_ = false;
    }

    [[nodiscard]] const json::value* find(std::string_view key) const {
        return object_ == nullptr ? nullptr : object_->if_contains(key);
    }

    template <class Number>
    void number(std::string_view key, Number& into) const {
        const json::value* value = find(key);
        boost::system::error_code error;
        const Number read = value == nullptr ? Number{} : value->to_number<Number>(error);
        if (value == nullptr || error)
            good_ = false;
        else
            into = read;
    }
    void instant(std::string_view key, Instant& into) const {
        std::int64_t count = 0;
        number(key, count);
        into = Instant(Duration(count));
    }
    void flag(std::string_view key, bool& into) const {
        const json::value* value = find(key);
        if (value == nullptr || !value->is_bool())
            good_ = false;
        else
            into = value->get_bool();
    }
    void text(std::string_view key, std::string& into) const {
        const json::value* value = find(key);
        if (value == nullptr || !value->is_string())
            good_ = false;
        else
            into = std::string(value->get_string());
    }
    void texts(std::string_view key, std::vector<std::string>& into) const {
        const json::value* value = find(key);
        const json::array* array = value == nullptr ? nullptr : value->if_array();
        if (array == nullptr) good_ = false;
        for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
            const json::string* one = (*array)[i].if_string();
            if (one == nullptr)
                good_ = false;
            else
                into.emplace_back(*one);
        }
    }
    // `last`: the highest of the enumerators, which count from 0.
    template <class Enum>
    void enumerator(std::string_view key, Enum last, Enum& into) const {
        int value = -1;
        number(key, value);
        if (value < 0 || value > static_cast<int>(last))
            good_ = false;
        else
            into = static_cast<Enum>(value);
    }

private:
    const json::object* object_;
    bool& good_;
};

core::Exited decode_exit(const json::value* value, bool& good) {
    core::Exited exit;
    const Reader reader(value, good);
    reader.enumerator("kind", core::ExitKind::unknown, exit.kind);
    reader.number("code", exit.code);
    reader.flag("core", exit.core_dumped);
    reader.flag("oom", exit.out_of_memory);
    return exit;
}

core::RunSnapshot decode_instance(const json::value* value, bool& good) {
    core::RunSnapshot run;
    const Reader reader(value, good);
    reader.enumerator("phase", core::RunPhase::killing, run.phase);
    reader.enumerator("cause", core::EndCause::dependency_lost, run.cause);
    reader.text("end_reason", run.end_reason);
    reader.number("pid", run.pid);
    reader.instant("launched_at", run.launched_at);
    reader.instant("ended_at", run.ended_at);
    reader.instant("kill_at", run.kill_at);
    reader.flag("was_ready", run.was_ready);
    reader.flag("notified", run.notified_ready);
    reader.number("verdicts", run.verdicts);
    if (reader.find("start_deadline") != nullptr) reader.instant("start_deadline", run.start_deadline);
    if (reader.find("stop_sent") != nullptr) reader.flag("stop_sent", run.stop_sent);
    if (reader.find("reload_open") != nullptr) reader.flag("reload_open", run.reload_open);
    if (const json::value* exit = reader.find("exit")) run.exit = decode_exit(exit, good);
    return run;
}

// Those that the first records of this version did not have.
void decode_later_fields(const Reader& reader, RunRecord& record) {
    if (reader.find("output_offset") != nullptr)
        reader.number("output_offset", record.output_offset.emplace());
    if (reader.find("queued") != nullptr) reader.flag("queued", record.queued);
    if (reader.find("definition") != nullptr) reader.text("definition", record.definition);
    if (reader.find("stop_signal") == nullptr) return;
    std::int64_t stop_timeout = 0;
    reader.number("stop_signal", record.stop_signal);
    reader.number("stop_timeout", stop_timeout);
    reader.texts("depends_on", record.depends_on);
    record.stop_timeout = Duration(stop_timeout);
}

RunRecord decode_record(const json::value* value, bool& good) {
    RunRecord record;
    core::Snapshot& snapshot = record.snapshot;
    const Reader reader(value, good);
    reader.enumerator("state", core::State::unknown, snapshot.state);
    reader.instant("since", snapshot.since);
    reader.text("reason", snapshot.reason);
    reader.number("generation", snapshot.generation.value);
    reader.number("restarts", snapshot.restarts);
    reader.number("attempt", snapshot.attempt);
    reader.instant("retry_at", snapshot.retry_at);
    reader.flag("restart_wanted", snapshot.restart_wanted);
    reader.text("restart_cause", snapshot.restart_cause);
    reader.flag("restart_when_back", snapshot.restart_when_back);
    reader.number("process_start", record.process_start);
    reader.text("cgroup_root", record.cgroup_root);
    decode_later_fields(reader, record);
    if (const json::value* exit = reader.find("last_exit")) snapshot.last_exit = decode_exit(exit, good);
    if (const json::value* run = reader.find("run")) snapshot.run = decode_instance(run, good);
    return record;
}

}  // namespace

std::string encode_run(const std::string& name, const RunRecord* record) {
    json::object line{{"name", name}};
    if (record != nullptr) {
        const core::Snapshot& snapshot = record->snapshot;
        json::object object{
            {"state", static_cast<int>(snapshot.state)},
            {"since", ns(snapshot.since)},
            {"reason", snapshot.reason},
            {"generation", snapshot.generation.value},
            {"restarts", snapshot.restarts},
            {"attempt", snapshot.attempt},
            {"retry_at", ns(snapshot.retry_at)},
            {"restart_wanted", snapshot.restart_wanted},
            {"restart_cause", snapshot.restart_cause},
            {"restart_when_back", snapshot.restart_when_back},
            {"process_start", record->process_start},
            {"cgroup_root", record->cgroup_root},
            {"queued", record->queued},
            {"definition", record->definition},
            {"stop_signal", record->stop_signal},
            {"stop_timeout", record->stop_timeout.count()},
            {"depends_on", json::array(record->depends_on.begin(), record->depends_on.end())}};
        if (record->output_offset) object["output_offset"] = *record->output_offset;
        if (snapshot.last_exit) object["last_exit"] = encode_exit(*snapshot.last_exit);
        if (snapshot.run) object["run"] = encode_instance(*snapshot.run);
        line["record"] = std::move(object);
    }
    return checked_line(json::serialize(line));
}

std::optional<NamedRun> decode_run(std::string_view line) {
    const std::optional<std::string_view> text = text_of_checked_line(line);
    if (!text) return std::nullopt;
    boost::system::error_code error;
    json::parse_options options;
    options.allow_invalid_utf8 = true;  // a reason may quote what a service said
    const json::value document = json::parse(*text, error, {}, options);
    if (error) return std::nullopt;
    NamedRun run;
    bool good = true;
    const Reader reader(&document, good);
    reader.text("name", run.name);
    if (const json::value* record = reader.find("record")) run.record = decode_record(record, good);
    if (!good || run.name.empty()) return std::nullopt;
    return run;
}

}  // namespace dpsup::io
