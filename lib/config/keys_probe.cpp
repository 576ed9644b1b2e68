// The rows of a probe's table: healthcheck, startup, readiness and liveness of [service.NAME].
#include <array>
#include <utility>

#include "config/keys.hpp"
#include "config/kinds.hpp"
#include "config/probe_keys.hpp"
#include "config/probe_kinds.hpp"
#include "config/section_io.hpp"

namespace dpsup::config {
namespace {

using core::OnProbeFailure;
using core::ProbePolicy;
using core::ProbeRole;

constexpr std::array failures{Word<OnProbeFailure>{"restart", OnProbeFailure::restart},
                              Word<OnProbeFailure>{"alert", OnProbeFailure::alert},
                              Word<OnProbeFailure>{"stop", OnProbeFailure::stop}};

template <class Value, auto Member>
constexpr auto schedule(Key key) {
    return field<Value, &Probe::policy, Member>(key);
}

// A row whose value only the probes of one kind have, so that it is not shown for others.
template <class Value, auto First, auto... Rest>
constexpr Field<Probe> of_kind(Key key) {
    Field<Probe> row = field<Value, First, Rest...>(key);
    row.compare = [](const Field<Probe>& self, const Probe& before, const Probe& after,
                     Comparison& comparison) {
        const bool was = self.key.only_with.find(before.kind) != std::string_view::npos;
        const bool is = self.key.only_with.find(after.kind) != std::string_view::npos;
        if (was && is) compare_shown(self, before, after, comparison);
    };
    return row;
}

// The row that names the target: what differs is its kind or itself.
void compare_target(const Field<Probe>& row, const Probe& before, const Probe& after,
                    Comparison& comparison) {
    const bool was = before.kind == row.key.name;
    const bool is = after.kind == row.key.name;
    if (was && is) compare_shown(row, before, after, comparison);
    if (was && !is) comparison.add(row.key.name, "removed", row.key.change);
    if (!was && is) comparison.add(row.key.name, "added", row.key.change);
}

template <class Value, auto First, auto... Rest>
constexpr Field<Probe> target_row(Key key) {
    Field<Probe> row = field<Value, First, Rest...>(key);
    row.compare = &compare_target;
    return row;
}

// The URL may hold secrets where people do not look for them.
constexpr Field<Probe> url_row(Key key) {
    Field<Probe> row = target_row<HttpUrl, &Probe::http, &HttpProbe::url>(key);
    row.compare = [](const Field<Probe>& self, const Probe& before, const Probe& after,
                     Comparison& comparison) {
        const std::string from = HttpUrl::show_publicly(before.http.url);
        const std::string to = HttpUrl::show_publicly(after.http.url);
        if (before.kind != after.kind || before.http.url == after.http.url || from == to)
            compare_target(self, before, after, comparison);
        else
            comparison.changed(self.key.name, from, to, self.key.change);
    };
    return row;
}

constexpr std::array rows{
    url_row({.name = "http",
             .doc = "Asks for this URL, http:// or https://.",
             .example = R"("http://127.0.0.1:8001/health")",
             .secret = true}),
    target_row<HostAndPort, &Probe::tcp>(
        {.name = "tcp", .doc = "Connects to this host and port.", .example = R"("127.0.0.1:6432")"}),
    target_row<SocketPath, &Probe::unix_socket, &UnixProbe::path>(
        {.name = "unix", .doc = "Connects to this Unix socket.", .example = R"("/run/haproxy/admin.sock")"}),
    target_row<Command, &Probe::exec, &ExecProbe::command>(
        {.name = "exec",
         .doc = "Runs this command as the service runs, with its environment; exit code 0 passes. Written as "
                "command is. Where it fails, the first line of its output is shown as it is, in the log, by "
                "explain and by the API: it must hold no secret.",
         .example = R"(["/usr/bin/redis-cli", "ping"])"}),
    target_row<Bytes, &Probe::postgres, &PostgresProbe::conninfo>(
        {.name = "postgres",
         .doc = "Connects to PostgreSQL with this connection string (libpq's). Keep passwords in a passfile.",
         .example = R"("host=/run/postgresql dbname=postgres user=postgres")",
         .secret = true}),
    target_row<LinePattern, &Probe::log, &LogProbe::pattern>(
        {.name = "log",
         .doc = "Passes once a line of its output matches this regular expression (PCRE2). Write $$ "
                "for $.",
         .example = R"("Server started in [0-9]+ ms")"}),
    schedule<Span<10>, &ProbePolicy::interval>({.name = "interval",
                                                .doc = "The wait between two probes, from the end of one to "
                                                       "the next. From a second on it may be up to 20 ms "
                                                       "longer, so that probes fall due together.",
                                                .example = R"("10s")"}),
    schedule<Span<1>, &ProbePolicy::timeout>(
        {.name = "timeout", .doc = "A probe that takes longer has failed.", .example = R"("5s")"}),
    schedule<Integer<std::uint32_t, 1, 10'000>, &ProbePolicy::retries>(
        {.name = "retries", .doc = "Failures in a row that count as failed.", .example = "5"}),
    schedule<Integer<std::uint32_t, 1, 10'000>, &ProbePolicy::successes>(
        {.name = "successes", .doc = "Passes in a row that count as recovered.", .example = "2"}),
    schedule<Span<0>, &ProbePolicy::start_period>(
        {.name = "start_period",
         .doc = "Failures this soon after the launch do not count; a pass ends the wait.",
         .example = R"("60s")"}),
    schedule<Span<10>, &ProbePolicy::start_interval>(
        {.name = "start_interval",
         .doc = "The longest wait between probes until the first pass.",
         .example = R"("250ms")"}),
    schedule<OneOf<failures>, &ProbePolicy::on_failure>(
        {.name = "on_failure",
         .doc =
             R"(What a failed probe leads to: "restart", "alert" (it is shown as unhealthy, and goes on) or "stop".)",
         .example = R"("alert")",
         .fallback = R"("restart"; readiness: "alert")"}),
    of_kind<Method, &Probe::http, &HttpProbe::method>(
        {.name = "method", .doc = "The request's method.", .example = R"("HEAD")", .only_with = "http"}),
    of_kind<Headers, &Probe::http, &HttpProbe::headers>({.name = "headers",
                                                         .doc = "Headers of the request.",
                                                         .example = R"({ Host = "superset.example" })",
                                                         .only_with = "http",
                                                         .secret = true}),
    of_kind<StatusRanges, &Probe::http, &HttpProbe::status>({.name = "status",
                                                             .doc = "The status codes that pass.",
                                                             .example = R"([200, "300-399"])",
                                                             .fallback = R"("200-399")",
                                                             .only_with = "http"}),
    of_kind<Bytes, &Probe::http, &HttpProbe::body>({.name = "body",
                                                    .doc = "What the reply's body must contain.",
                                                    .example = R"("OK")",
                                                    .only_with = "http"}),
    of_kind<JsonChecks, &Probe::http, &HttpProbe::json>(
        {.name = "json",
         .doc = "JSON pointers into the reply's body, each with the value, or the values, that pass.",
         .example = R"({ "/status" = ["green", "yellow"] })",
         .only_with = "http"}),
    of_kind<Boolean, &Probe::http, &HttpProbe::tls_verify>({.name = "tls_verify",
                                                            .doc = "Check the server's certificate and name.",
                                                            .example = "false",
                                                            .only_with = "http"}),
    of_kind<AbsolutePath, &Probe::http, &HttpProbe::ca_file>(
        {.name = "ca_file",
         .doc = "The certificates to check the server against.",
         .example = R"("/etc/dpsup/ca.pem")",
         .fallback = "the system's",
         .only_with = "http"}),
    of_kind<Bytes, &Probe::send>({.name = "send",
                                  .doc = "What is written after the connect.",
                                  .example = R"("ruok")",
                                  .only_with = "tcp unix",
                                  .secret = true}),
    of_kind<Bytes, &Probe::expect>({.name = "expect",
                                    .doc = "What the reply must contain. Without it a connection is enough.",
                                    .example = R"("imok")",
                                    .only_with = "tcp unix"}),
    of_kind<Text, &Probe::postgres, &PostgresProbe::query>({.name = "query",
                                                            .doc = "A query that must succeed.",
                                                            .example = R"("SELECT 1")",
                                                            .fallback = "a connection is enough",
                                                            .only_with = "postgres"}),
};

// --- the probes of a service ---

std::optional<Probe> probe_of(const Service& service, ProbeRole role) {
    for (std::size_t i = 0; i < service.policy.probes.size(); ++i)
        if (service.policy.probes[i].role == role)
            return Probe::of(service.policy.probes[i], service.targets[i]);
    return std::nullopt;
}

template <ProbeRole role>
constexpr Field<Service> probe_row(Key key) {
    return {
        key, table_shape,
        [](Reading& reading, const Node& node, Service& service) {
            read_probe(reading, node, role, service);
        },
        [](const Service& service) {
            const auto probe = probe_of(service, role);
            return probe ? show_section(probe_section(), *probe) : std::string();
        },
        [](const Field<Service>& row, const Service& before, const Service& after, Comparison& comparison) {
            const auto was = probe_of(before, role);
            const auto is = probe_of(after, role);
            if (was && !is) comparison.add(row.key.name, "removed", row.key.change);
            if (!was && is) comparison.add(row.key.name, "added", row.key.change);
            if (!was || !is) return;
            const Comparison::Inside inside(comparison, row.key.name);
            compare_section(probe_section(), *was, *is, comparison);
        }};
}

constexpr std::array service_rows{
    probe_row<ProbeRole::health>(
        {.name = "healthcheck",
         .doc = "The probe that says whether it is ready, and goes on asking whether it is well.",
         .example = R"({ http = "http://127.0.0.1:8001/health", interval = "10s", start_period = "60s" })"}),
    probe_row<ProbeRole::startup>({.name = "startup",
                                   .doc = "The other probes wait until this one has passed once.",
                                   .example = R"({ log = "listening on", start_interval = "1s" })"}),
    probe_row<ProbeRole::readiness>(
        {.name = "readiness",
         .doc = "Says whether it is ready or unhealthy. Its failure restarts nothing by itself.",
         .example = R"({ tcp = "127.0.0.1:6432" })"}),
    probe_row<ProbeRole::liveness>({.name = "liveness",
                                    .doc = "Says whether it must be restarted.",
                                    .example = R"({ http = "http://127.0.0.1:8001/alive" })"}),
};

}  // namespace

std::span<const Field<Service>> probe_rows() {
    return service_rows;
}

const Section<Probe>& probe_section() {
    static constexpr Section<Probe> section{"service.NAME.healthcheck",
                                            "A probe: exactly one of http, tcp, unix, exec, postgres and "
                                            "log, and a schedule. The tables startup, readiness "
                                            "and liveness take the same keys.",
                                            rows};
    return section;
}

}  // namespace dpsup::config
