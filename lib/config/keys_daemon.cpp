// The rows of [host], [daemon] and [control]. Here "restart" means: of dpsupd itself, and with it of every
// service.
#include <array>

#include "config/keys.hpp"
#include "config/kinds.hpp"
#include "config/section_io.hpp"

namespace dpsup::config {
namespace {

using core::RestartBudget;

constexpr std::array log_levels{
    Word<std::string_view>{"trace", "trace"}, Word<std::string_view>{"debug", "debug"},
    Word<std::string_view>{"info", "info"}, Word<std::string_view>{"warning", "warning"},
    Word<std::string_view>{"error", "error"}};

constexpr std::array host_rows{
    field<Text, &Host::name>({.name = "name",
                              .doc = "What this host is called in status, events and logs.",
                              .example = R"("db1")",
                              .fallback = "the host's own name"}),
};

constexpr Field<Daemon> log_level_row{
    {.name = "log_level",
     .doc = "The least important of dpsupd's own messages that is still logged.",
     .example = R"("debug")"},
    &OneOf<log_levels>::shape,
    [](Reading& reading, const Node& node, Daemon& daemon) {
        std::string_view level = daemon.log_level;
        OneOf<log_levels>::read(reading, node, level);
        daemon.log_level = std::string(level);
    },
    [](const Daemon& daemon) { return toml_string(daemon.log_level); },
    &compare_shown<Daemon>};

constexpr auto budget_of = [](const Daemon& daemon) -> const RestartBudget& { return daemon.restart_budget; };

constexpr Field<Daemon> budget_row = table_row<Daemon, restart_budget_section, budget_of>(
    {.name = "restart_budget",
     .doc = "Bounds the restarts of failing services over the whole host, so that a fault which hits all of "
            "them is no "
            "storm.",
     .example = "{ burst = 50, per_second = 10 }"},
    table_shape, [](Reading& reading, const Node& node, Daemon& daemon) {
        read_section(reading, node, restart_budget_section(), daemon.restart_budget);
    });

constexpr std::array daemon_rows{
    field<SocketPath, &Daemon::socket>({.name = "socket",
                                        .doc = "The control socket, where dpsupctl reaches the daemon.",
                                        .example = R"("/run/dpsup/control.sock")",
                                        .change = ChangeClass::restart}),
    field<AbsolutePath, &Daemon::state_dir>(
        {.name = "state_dir",
         .doc = "What must outlive a reboot: what is wanted of each service, and which jobs are done.",
         .example = R"("/var/lib/dpsup")",
         .change = ChangeClass::restart}),
    field<AbsolutePath, &Daemon::runtime_dir>(
        {.name = "runtime_dir",
         .doc = "What a reboot voids: the sockets on which services report to dpsupd. Best on a tmpfs.",
         .example = R"("/run/dpsup")",
         .change = ChangeClass::restart}),
    field<AbsolutePath, &Daemon::log_dir>(
        {.name = "log_dir",
         .doc = "Where services' output goes if there is no journal, a file a service.",
         .example = R"("/var/log/dpsup")",
         .change = ChangeClass::restart}),
    log_level_row,
    budget_row,
    field<Span<0>, &Daemon::shutdown_timeout>(
        {.name = "shutdown_timeout",
         .doc = "How long stopping everything may take; what is left then is killed.",
         .example = R"("3m")"}),
};

constexpr std::array restart_budget_rows{
    field<Number<1000, 1'000'000>, &RestartBudget::burst>(
        {.name = "burst", .doc = "Restarts that may happen at once.", .example = "100"}),
    field<Number<1, 1'000'000>, &RestartBudget::per_second>(
        {.name = "per_second", .doc = "Restarts that are added to the budget each second.", .example = "20"}),
};

constexpr std::array control_rows{
    field<Account, &Control::operators>({.name = "operators",
                                         .doc = "The group whose members may start, stop, restart, kill and "
                                                "reload services. Root may do everything.",
                                         .example = R"("dpsup")"}),
    field<ListOf<Account>, &Control::viewers>(
        {.name = "viewers",
         .doc = R"(The groups whose members may look; "*" is everyone on the host.)",
         .example = R"(["adm"])",
         .fallback = "nobody"}),
};

}  // namespace

const Section<Host>& host_section() {
    static constexpr Section<Host> section{"host", "The host that dpsupd runs on.", host_rows};
    return section;
}

const Section<Daemon>& daemon_section() {
    static constexpr Section<Daemon> section{
        "daemon", "The daemon itself. A private set of paths runs a second, independent daemon.",
        daemon_rows};
    return section;
}

const Section<RestartBudget>& restart_budget_section() {
    static constexpr Section<RestartBudget> section{"daemon.restart_budget", "A token bucket.",
                                                    restart_budget_rows};
    return section;
}

const Section<Control>& control_section() {
    static constexpr Section<Control> section{
        "control", "Who may use the control socket besides root and the daemon's own user.", control_rows};
    return section;
}

}  // namespace dpsup::config
