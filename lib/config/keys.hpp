// The sections of the configuration: the table of keys as a whole. The rows are in keys_*.cpp, a file a
// theme.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "config/model.hpp"

namespace dpsup::config {

// A probe as people write it: one table for schedule and target. `kind` is the target's key ("http").
struct Probe {
    std::string_view kind;
    core::ProbePolicy policy;
    HttpProbe http;
    TcpProbe tcp;
    UnixProbe unix_socket;
    ExecProbe exec;
    PostgresProbe postgres;
    LogProbe log;
    std::string send;
    std::string expect;

    [[nodiscard]] ProbeTarget target() const;
    static Probe of(const core::ProbePolicy& policy, const ProbeTarget& target);
};

// What tells a service to reload: one of the two.
struct ReloadKeys {
    std::optional<int> signal;
    std::vector<std::string> command;
};

[[nodiscard]] const Section<Host>& host_section();
[[nodiscard]] const Section<Daemon>& daemon_section();
[[nodiscard]] const Section<core::RestartBudget>& restart_budget_section();
[[nodiscard]] const Section<Control>& control_section();
[[nodiscard]] const Section<Service>& service_section();
[[nodiscard]] const Section<core::Dependency>& dependency_section();
[[nodiscard]] const Section<core::RestartPolicy>& restart_section();
[[nodiscard]] const Section<Probe>& probe_section();
[[nodiscard]] const Section<Limits>& limits_section();
[[nodiscard]] const Section<LogConfig>& log_section();
[[nodiscard]] const Section<ReloadKeys>& reload_section();

// The rows of [service.NAME], by theme.
[[nodiscard]] std::span<const Field<Service>> lifecycle_rows();
[[nodiscard]] std::span<const Field<Service>> probe_rows();
[[nodiscard]] std::span<const Field<Service>> process_rows();

// One row without its types, for documents.
struct KeyView {
    const Key* key = nullptr;
    std::string shape;
    std::string fallback;  // the default; empty: none
};
struct SectionView {
    std::string_view path;
    std::string_view doc;
    std::vector<KeyView> keys;
};

// All sections, in the order in which people read them.
[[nodiscard]] std::vector<SectionView> all_sections();

}  // namespace dpsup::config
