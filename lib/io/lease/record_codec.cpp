#include "io/lease/record_codec.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <concepts>
#include <limits>

namespace dpsup::io {
namespace {

namespace json = boost::json;
namespace pg = core::postgres;

constexpr std::int64_t record_version = 1;

json::array names_of(const std::vector<std::string>& names) {
    json::array array;
    for (const std::string& name : names) array.emplace_back(name);
    return array;
}

// Takes the record apart; remembers the first thing that is wrong.
class Reader {
public:
    Reader(const json::object& object, std::string where) : object_(object), where_(std::move(where)) {}

    void read(const char* key, std::string& into) {
        if (const json::value* value = find(key)) {
            if (const json::string* text = value->if_string())
                into = *text;
            else
                wrong(key, "a text");
        }
    }
    void read(const char* key, bool& into) {
        if (const json::value* value = find(key)) {
            if (const bool* flag = value->if_bool())
                into = *flag;
            else
                wrong(key, "true or false");
        }
    }
    template <class Number>
        requires std::unsigned_integral<Number>
    void read(const char* key, Number& into) {
        if (const json::value* value = find(key)) {
            boost::system::error_code error;
            const auto number = value->to_number<std::uint64_t>(error);
            if (error || number > std::numeric_limits<Number>::max()) return wrong(key, "a whole number");
            into = static_cast<Number>(number);
        }
    }
    void read(const char* key, std::vector<std::string>& into) {
        each(key, [&](const json::value& one) {
            if (const json::string* text = one.if_string())
                into.emplace_back(*text);
            else
                wrong(key, "names");
        });
        if (!std::ranges::is_sorted(into)) wrong(key, "sorted names");
    }
    // Calls take(Reader&) for the table of that name.
    template <class Take>
    void table(const char* key, Take take) {
        if (const json::value* value = find(key)) inside(key, *value, take);
    }
    template <class Take>
    void tables(const char* key, Take take) {
        each(key, [&](const json::value& one) { inside(key, one, take); });
    }
    // Nothing is left over.
    void end() {
        if (taken_ != object_.size() && problem_.empty())
            problem_ = where_ + ": has a key that this version does not know";
    }
    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    const json::value* find(const char* key) {
        const json::value* value = object_.if_contains(key);
        if (value != nullptr) ++taken_;
        if (value == nullptr) wrong(key, "something");
        return value;
    }
    template <class Visit>
    void each(const char* key, Visit visit) {
        const json::value* value = find(key);
        if (value == nullptr) return;
        const json::array* array = value->if_array();
        if (array == nullptr) return wrong(key, "a list");
        for (const json::value& one : *array) visit(one);
    }
    template <class Take>
    void inside(const char* key, const json::value& value, Take take) {
        const json::object* object = value.if_object();
        if (object == nullptr) return wrong(key, "a table");
        Reader reader(*object, where_ + "." + key);
        take(reader);
        reader.end();
        if (problem_.empty()) problem_ = reader.problem();
    }
    void wrong(const char* key, const char* expected) {
        if (problem_.empty()) problem_ = where_ + "." + key + ": expected " + expected;
    }

    const json::object& object_;
    std::string where_;
    std::size_t taken_ = 0;
    std::string problem_;
};

pg::Record read_record(Reader& reader) {
    pg::Record record;
    std::uint64_t version = 0;  // was checked before
    reader.read("version", version);
    reader.read("term", record.term);
    reader.read("holder", record.holder);
    reader.read("stamp", record.stamp);
    reader.read("released", record.released);
    reader.read("ended", record.ended);
    reader.table("end", [&](Reader& end) {
        end.read("timeline", record.end.timeline.value);
        end.read("lsn", record.end.lsn.value);
    });
    reader.read("successor", record.successor);
    reader.read("opening", record.opening);
    reader.read("timeline", record.timeline.value);
    reader.tables("forks", [&](Reader& one) {
        pg::Fork fork;
        one.read("timeline", fork.timeline.value);
        one.read("begins", fork.begins.value);
        record.forks.push_back(fork);
    });
    reader.table("promise", [&](Reader& promise) {
        promise.read("members", record.promise.members);
        promise.read("required", record.promise.required);
    });
    std::uint64_t lease_ms = 0;
    reader.read("system", record.system);
    reader.read("lease_ms", lease_ms);
    record.lease = std::chrono::milliseconds(lease_ms);
    reader.read("asynchronous", record.asynchronous);
    reader.read("written", record.written.value);
    reader.read("members", record.members);
    reader.end();
    return record;
}

tl::unexpected<Error> damaged(const std::string& origin, const std::string& problem) {
    return fail("record_damaged", origin + ": " + problem,
                "dpsup will not guess who may lead: restore the key, or remove it while no member runs");
}

}  // namespace

std::string encode_record(const pg::Record& record) {
    // Does not compile where the record gets another field: it has to be written and read, too.
    [[maybe_unused]] const auto& [term, holder, stamp, released, ended, end, successor, opening, timeline,
                                  record_forks, promise, system, lease, asynchronous, written, members] =
        record;
    json::array forks;
    for (const pg::Fork& fork : record.forks)
        forks.push_back({{"timeline", fork.timeline.value}, {"begins", fork.begins.value}});
    return json::serialize(json::object{
        {"version", record_version},
        {"term", record.term},
        {"holder", record.holder},
        {"stamp", record.stamp},
        {"released", record.released},
        {"ended", record.ended},
        {"end", {{"timeline", record.end.timeline.value}, {"lsn", record.end.lsn.value}}},
        {"successor", record.successor},
        {"opening", record.opening},
        {"timeline", record.timeline.value},
        {"forks", std::move(forks)},
        {"promise", {{"members", names_of(record.promise.members)}, {"required", record.promise.required}}},
        {"system", record.system},
        {"lease_ms", std::chrono::duration_cast<std::chrono::milliseconds>(record.lease).count()},
        {"asynchronous", record.asynchronous},
        {"written", record.written.value},
        {"members", names_of(record.members)}});
}

Result<pg::Record> decode_record(std::string_view text, const std::string& origin) {
    boost::system::error_code error;
    const json::value document = json::parse(text, error);
    if (error || !document.is_object()) return damaged(origin, "is no record of dpsup's");
    const json::value* version = document.as_object().if_contains("version");
    if (version == nullptr || !version->is_int64()) return damaged(origin, "has no version");
    if (version->as_int64() > record_version)
        return fail("record_too_new",
                    origin + ": is of version " + std::to_string(version->as_int64()) +
                        ", and this dpsup reads " + std::to_string(record_version),
                    "upgrade dpsup on this host");
    Reader reader(document.as_object(), "record");
    pg::Record record = read_record(reader);
    if (!reader.problem().empty()) return damaged(origin, reader.problem());
    return record;
}

}  // namespace dpsup::io
