#include "config/probe_keys.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/section_io.hpp"

namespace dpsup::config {
namespace {

// In the order of ProbeTarget.
constexpr std::array<std::string_view, 6> target_names{"http", "tcp", "unix", "exec", "postgres", "log"};

std::string joined(const std::vector<std::string_view>& words) {
    return listed(std::vector<std::string>(words.begin(), words.end()));
}

struct Unpack {
    Probe& probe;

    void operator()(const HttpProbe& target) const { probe.http = target; }
    void operator()(const TcpProbe& target) const {
        probe.tcp = {target.host, target.port, {}, {}};
        probe.send = target.send;
        probe.expect = target.expect;
    }
    void operator()(const UnixProbe& target) const {
        probe.unix_socket = {target.path, {}, {}};
        probe.send = target.send;
        probe.expect = target.expect;
    }
    void operator()(const ExecProbe& target) const { probe.exec = target; }
    void operator()(const PostgresProbe& target) const { probe.postgres = target; }
    void operator()(const LogProbe& target) const { probe.log = target; }
};

// "password=x", "password = x", "postgres://user:x@host"
bool holds_password(std::string_view conninfo) {
    if (conninfo.find("://") != std::string_view::npos) {
        const std::string_view rest = conninfo.substr(conninfo.find("://") + 3);
        const std::string_view account = rest.substr(0, rest.find('@'));
        if (account.size() < rest.size() && account.find(':') != std::string_view::npos) return true;
    }
    const std::size_t at = conninfo.find("password");
    if (at == std::string_view::npos) return false;
    const std::size_t next = conninfo.find_first_not_of(' ', at + std::string_view("password").size());
    return next != std::string_view::npos && conninfo[next] == '=';
}

// The key of the table's one target; empty after saying what is wrong.
std::string_view find_kind(Reading& reading, const Node& node) {
    std::vector<std::string_view> kinds;
    for (const std::string_view name : target_names)
        if (node.find(name) != nullptr) kinds.push_back(name);
    if (kinds.size() == 1) return kinds.front();
    const std::vector<std::string_view> all(target_names.begin(), target_names.end());
    if (kinds.empty()) {
        // Compose's `test` has been told of already, and is the target.
        if (node.find("test") == nullptr)
            reading.error(node, "needs a target: exactly one of " + joined(all));
    } else {
        reading.error(node, "has " + joined(kinds) + ", but a probe has one target",
                      "where it stands in two files, the tables were merged");
    }
    return {};
}

// Keys that belong to another kind of probe would be without effect.
void check_keys_of_kind(Reading& reading, const Node& node, std::string_view kind) {
    for (const Field<Probe>& row : probe_section().fields) {
        const Node* value = node.find(row.key.name);
        if (value == nullptr || row.key.only_with.empty() ||
            row.key.only_with.find(kind) != std::string_view::npos)
            continue;
        const Reading::Inside inside(reading, row.key.name);
        reading.error(*value,
                      "belongs to probes of the kind " +
                          std::string(row.key.only_with == "tcp unix" ? "tcp or unix" : row.key.only_with) +
                          ", and this one is of the kind " + std::string(kind));
    }
}

}  // namespace

ProbeTarget Probe::target() const {
    if (kind == "http") return http;
    if (kind == "tcp") return TcpProbe{tcp.host, tcp.port, send, expect};
    if (kind == "unix") return UnixProbe{unix_socket.path, send, expect};
    if (kind == "exec") return exec;
    if (kind == "postgres") return postgres;
    return log;
}

Probe Probe::of(const core::ProbePolicy& policy, const ProbeTarget& target) {
    Probe probe;
    probe.policy = policy;
    probe.kind = target_names.at(target.index());
    std::visit(Unpack{probe}, target);
    return probe;
}
void read_probe(Reading& reading, const Node& node, core::ProbeRole role, Service& service) {
    Probe probe;
    probe.policy.role = role;
    if (role == core::ProbeRole::readiness) probe.policy.on_failure = core::OnProbeFailure::alert;
    if (!read_section(reading, node, probe_section(), probe)) return;
    probe.kind = find_kind(reading, node);
    if (probe.kind.empty()) return;
    check_keys_of_kind(reading, node, probe.kind);
    if (role == core::ProbeRole::liveness && probe.kind == "log")
        reading.error(node,
                      "a line in the log is seen once, and cannot tell whether the service is alive later",
                      "use it in startup or readiness");
    if (probe.kind == "postgres" && holds_password(probe.postgres.conninfo))
        reading.warning(*node.find("postgres"), "holds a password, which everybody who reads the file sees",
                        "write passfile=/path, which libpq reads");
    auto& probes = service.policy.probes;
    const auto next = std::ranges::find_if(probes, [&](const auto& other) { return other.role > role; });
    service.targets.insert(service.targets.begin() + (next - probes.begin()), probe.target());
    probes.insert(next, probe.policy);
}

}  // namespace dpsup::config
