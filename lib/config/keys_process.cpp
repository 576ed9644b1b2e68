// The rows of [service.NAME] that say as whom, where and with what its process runs.
#include <array>

#include "config/environment_keys.hpp"
#include "config/keys.hpp"
#include "config/kinds.hpp"
#include "config/privileges.hpp"
#include "config/section_io.hpp"
#include "config/socket_keys.hpp"

namespace dpsup::config {
namespace {

using Target = LogConfig::Target;

constexpr std::array log_targets{Word<Target>{"auto", Target::automatic},
                                 Word<Target>{"journal", Target::journal}, Word<Target>{"file", Target::file},
                                 Word<Target>{"none", Target::none}};

template <class Value, auto Member>
constexpr auto process(Key key) {
    return field<Value, &Service::process, Member>(key);
}

// --- reload ---

ReloadKeys reload_keys(const Service& service) {
    ReloadKeys keys;
    if (const auto* by_signal = std::get_if<ReloadSignal>(&service.process.reload))
        keys.signal = by_signal->signal;
    if (const auto* by_command = std::get_if<ReloadCommand>(&service.process.reload))
        keys.command = by_command->command;
    return keys;
}

void read_reload(Reading& reading, const Node& node, Service& service) {
    ReloadKeys keys;
    if (!read_section(reading, node, reload_section(), keys)) return;
    const bool by_signal = node.find("signal") != nullptr;
    const bool by_command = node.find("command") != nullptr;
    if (by_signal == by_command)
        return reading.error(node,
                             by_signal ? "has both signal and command" : "has neither signal nor command",
                             "write one of { signal = \"HUP\" } and { command = [...] }");
    if (by_signal && keys.signal) service.process.reload = ReloadSignal{*keys.signal};
    if (by_command && !keys.command.empty()) service.process.reload = ReloadCommand{std::move(keys.command)};
    service.policy.can_reload = true;
}

// --- tables within the service ---

template <auto Member, auto section>
constexpr Field<Service> process_table(Key key) {
    constexpr auto get = [](const Service& service) -> const auto& { return service.process.*Member; };
    return table_row<Service, section, get>(
        key, table_shape, [](Reading& reading, const Node& node, Service& service) {
            read_section(reading, node, section(), service.process.*Member);
        });
}

constexpr std::array rows{
    process<AbsolutePath, &Process::working_dir>({.name = "working_dir",
                                                  .doc = "The directory that it runs in.",
                                                  .example = R"("/var/lib/superset")",
                                                  .change = ChangeClass::restart,
                                                  .fallback = R"("/")"}),
    Field<Service>{
        {.name = "environment",
         .doc = "Variables for it. { file = \"/path\" } takes the value from a file when the service is "
                "launched: that is how secrets stay out of the configuration, the logs and the API. Beats "
                "env_file.",
         .example = R"({ PORT = 8001, DATABASE_PASSWORD = { file = "/etc/dpsup/secrets/airbyte-db" } })",
         .change = ChangeClass::restart,
         .secret = true},
        [] { return std::string("table of strings, numbers, booleans or { file = path }"); },
        &read_environment,
        &show_environment,
        &compare_environment},
    process<Sockets, &Process::sockets>(
        {.name = "sockets",
         .doc =
             "Listening sockets that dpsupd opens and hands to it, as systemd's socket activation does: from "
             "descriptor 3 on, in this order, with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES "
             "(sd_listen_fds(3)). "
             "They stay open while it restarts: its clients wait, and none is refused. The service is "
             "started "
             "as ever, not by the first connection.",
         .example =
             R"(["tcp://127.0.0.1:8080", { address = "unix:///run/x.sock", name = "web", mode = "0660" }])",
         .change = ChangeClass::restart}),
    process<ListOf<AbsolutePath>, &Process::env_file>(
        {.name = "env_file",
         .doc = "Files of NAME=value lines, read at each launch; later ones win. A changed file is a reason "
                "to restart.",
         .example = R"(["/etc/default/superset"])",
         .change = ChangeClass::restart}),
    process<ListOf<AbsolutePath>, &Process::config_files>(
        {.name = "config_files",
         .doc = "The program's own configuration files. When apply finds that one has changed, the service "
                "is told to "
                "reload, or is restarted where it has no reload.",
         .example = R"(["/etc/haproxy/haproxy.cfg"])"}),
    table_row<Service, reload_section, reload_keys>(
        {.name = "reload",
         .doc = "What makes it read its configuration again: a signal, or a command that runs as the service "
                "does.",
         .example = R"({ signal = "HUP" })"},
        table_shape, &read_reload),
    process_table<&Process::log, log_section>(
        {.name = "log",
         .doc = "Where its output goes. It never passes through the daemon.",
         .example = R"({ target = "file", max_size = "64MiB", keep = 3 })"}),
    process<Account, &Process::user>({.name = "user",
                                      .doc = "The user that it runs as.",
                                      .example = R"("postgres")",
                                      .change = ChangeClass::restart,
                                      .fallback = "dpsupd's own"}),
    process<Account, &Process::group>({.name = "group",
                                       .doc = "The group that it runs as.",
                                       .example = R"("postgres")",
                                       .change = ChangeClass::restart,
                                       .fallback = "the user's"}),
    process<ListOf<Account>, &Process::groups>(
        {.name = "groups",
         .doc = "Supplementary groups, besides those that the user is in.",
         .example = R"(["ssl-cert"])",
         .change = ChangeClass::restart}),
    process<Maybe<Umask>, &Process::umask>({.name = "umask",
                                            .doc = "Its file mode creation mask.",
                                            .example = R"("0027")",
                                            .change = ChangeClass::restart,
                                            .fallback = R"("0022")"}),
    process<Capabilities, &Process::capabilities>(
        {.name = "capabilities",
         .doc = "The capabilities that it has: these and no others, also when it runs as an ordinary user. "
                "[] is none.",
         .example = R"(["CAP_NET_BIND_SERVICE"])",
         .change = ChangeClass::restart,
         .fallback = "those that its user has"}),
    process<Boolean, &Process::no_new_privs>(
        {.name = "no_new_privs",
         .doc = "It cannot gain privileges through set-user-ID programs.",
         .example = "true",
         .change = ChangeClass::restart}),
    process<Rlimits, &Process::rlimits>(
        {.name = "rlimits",
         .doc = "Limits of each of its processes, as in setrlimit(2).",
         .example =
             R"({ nofile = 65536, core = "unlimited", memlock = { soft = "64MiB", hard = "128MiB" } })",
         .change = ChangeClass::restart,
         .fallback = "dpsupd's own"}),
    process_table<&Process::limits, limits_section>(
        {.name = "limits",
         .doc = "Limits of all its processes together, kept by its cgroup.",
         .example = R"({ cpus = 2, memory = "4GiB" })"}),
    process<Maybe<Integer<int, -20, 19>>, &Process::nice>(
        {.name = "nice",
         .doc = "Its scheduling priority; higher is humbler.",
         .example = "5",
         .change = ChangeClass::restart,
         .fallback = "0"}),
    process<Maybe<Integer<int, -1000, 1000>>, &Process::oom_score_adj>(
        {.name = "oom_score_adj",
         .doc = "How gladly the kernel kills it when memory runs out; -1000 is never.",
         .example = "-500",
         .change = ChangeClass::restart,
         .fallback = "0"}),
};

constexpr std::array limits_rows{
    field<Maybe<Number<10, 4096>>, &Limits::cpus>(
        {.name = "cpus", .doc = "CPU time it may use, in cores.", .example = "1.5"}),
    field<Maybe<Size<1024 * 1024>>, &Limits::memory>(
        {.name = "memory",
         .doc = "Memory it may use, page cache included; beyond it the kernel kills within the service only.",
         .example = R"("4GiB")"}),
    field<Maybe<Integer<std::uint64_t, 1, 4'194'304>>, &Limits::pids>(
        {.name = "pids", .doc = "Processes and threads it may have.", .example = "1000"}),
    field<Maybe<Integer<std::uint32_t, 1, 10'000>>, &Limits::io_weight>(
        {.name = "io_weight",
         .doc = "Its share of a busy disk, beside others that have 100.",
         .example = "200"}),
    field<Boolean, &Limits::best_effort>(
        {.name = "best_effort",
         .doc = "Run it even where limits cannot be enforced. Otherwise the launch fails there.",
         .example = "true"}),
};

constexpr std::array log_rows{
    field<OneOf<log_targets>, &LogConfig::target>(
        {.name = "target",
         .doc = R"("auto" is the journal where there is one, else a file in daemon.log_dir.)",
         .example = R"("file")",
         .change = ChangeClass::restart}),
    field<Size<4096>, &LogConfig::max_size>({.name = "max_size",
                                             .doc = "A file is rotated when it has grown to this size.",
                                             .example = R"("64MiB")"}),
    field<Integer<std::uint32_t, 0, 1000>, &LogConfig::keep>(
        {.name = "keep", .doc = "Rotated files that are kept.", .example = "3"}),
};

constexpr std::array reload_rows{
    field<Maybe<Signal>, &ReloadKeys::signal>(
        {.name = "signal", .doc = "The signal that its main process gets.", .example = R"("HUP")"}),
    field<Command, &ReloadKeys::command>(
        {.name = "command",
         .doc = "The command that is run, as the service's user; exit code 0 is success.",
         .example = R"(["/usr/bin/pg_ctl", "reload"])"}),
};

}  // namespace

std::span<const Field<Service>> process_rows() {
    return rows;
}

const Section<Limits>& limits_section() {
    static constexpr Section<Limits> section{"service.NAME.limits",
                                             "Limits of all the service's processes together.", limits_rows};
    return section;
}

const Section<LogConfig>& log_section() {
    static constexpr Section<LogConfig> section{"service.NAME.log", "Where the service's output goes.",
                                                log_rows};
    return section;
}

const Section<ReloadKeys>& reload_section() {
    static constexpr Section<ReloadKeys> section{"service.NAME.reload", "Exactly one of these.", reload_rows};
    return section;
}

}  // namespace dpsup::config
