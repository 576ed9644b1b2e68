#include "dpsupctl/arguments.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <vector>

#include "base/text.hpp"
#include "base/units.hpp"

namespace dpsup::ctl {
namespace {

// CLI11 lays the help out; what stands in it is ours. One object of it lives for one run.
class Commands {
public:
    Commands();

    [[nodiscard]] Exit run(int argc, const char* const* argv);

private:
    using Run = std::function<Exit(const Options&)>;

    CLI::App* add(const std::string& name, const std::string& summary, const std::string& more, Run run) {
        return add(app_, name, summary, more, std::move(run));
    }
    // A command within `group`.
    CLI::App* add(CLI::App& group, const std::string& name, const std::string& summary,
                  const std::string& more, Run run);
    void add_status();
    void add_action(const std::string& name, const std::string& summary, const std::string& more);
    void add_configuration();
    void add_reading();
    void add_daemon();
    void add_duration(CLI::App* command, const std::string& flag, std::optional<Duration>& into,
                      const std::string& help);
    void add_lines(CLI::App* command, const std::string& help);
    void add_names(CLI::App* command, const std::string& help) {
        command->add_option("NAME", options_.names, help);
    }
    [[nodiscard]] Exit unexpected_argument(const CLI::App& command, const std::string& path) const;

    Options options_;
    CLI::App app_;
    Run chosen_;
};

Commands::Commands() : app_("Commands dpsupd, the supervisor of this host's services.", "dpsupctl") {
    if (const char* socket = std::getenv("DPSUP_SOCKET"); socket != nullptr && *socket != '\0')
        options_.socket = socket;
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", std::string("dpsupctl ") + DPSUP_VERSION);
    app_.add_option("--socket", options_.socket, "The daemon's socket; also $DPSUP_SOCKET")
        ->type_name("PATH")
        ->capture_default_str();
    app_.add_flag("--json", options_.json, "Print the daemon's JSON, for programs");
    app_.footer(
        "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 the daemon is not running, ends or does not "
        "answer, "
        "4 not allowed.\nMore about one command: dpsupctl COMMAND --help");
    add_status();
    add_action("start", "Start services",
               "Wanted up from now on, also after a reboot. Waits for dependencies; with --cascade they are "
               "started too.\n"
               "Examples:\n  dpsupctl start web --wait\n  dpsupctl start web --cascade --timeout 2m");
    add_action("stop", "Stop services",
               "Wanted down from now on, also after a reboot. Ends all processes of each: first politely, "
               "then by force.\n"
               "Examples:\n  dpsupctl stop web --wait\n  dpsupctl stop postgres --cascade --stop-timeout 5m");
    add_action("restart", "Restart services",
               "One that waits for its next try is started at once.\n"
               "Examples:\n  dpsupctl restart web\n  dpsupctl restart --all --wait --timeout 5m");
    add_action("kill", "Send a signal to all processes of services",
               "SIGKILL unless --signal says otherwise. What is wanted does not change: a service that ends "
               "is restarted\n"
               "by its policy.\nExamples:\n  dpsupctl kill web\n  dpsupctl kill web --signal USR1");
    add_action(
        "reload", "Let services reload their configuration",
        "By the reload signal or command that each is configured with.\nExample:\n  dpsupctl reload haproxy");
    add_configuration();
    add_reading();
    add_daemon();
}

CLI::App* Commands::add(CLI::App& group, const std::string& name, const std::string& summary,
                        const std::string& more, Run run) {
    auto* command = group.add_subcommand(name, summary);
    command->footer(more);
    command->callback([this, run = std::move(run)] { chosen_ = run; });
    return command;
}

void Commands::add_duration(CLI::App* command, const std::string& flag, std::optional<Duration>& into,
                            const std::string& help) {
    command
        ->add_option_function<std::string>(
            flag,
            [&into](const std::string& text) {
                const auto duration = parse_duration(text);
                if (!duration)
                    throw CLI::ValidationError(duration.error().message + ": " + duration.error().hint);
                into = *duration;
            },
            help)
        ->type_name("DURATION");
}

void Commands::add_lines(CLI::App* command, const std::string& help) {
    command
        ->add_option_function<std::string>(
            "-n,--lines",
            [this](const std::string& text) {
                std::size_t lines = 0;
                const auto* end = text.data() + text.size();
                const auto [rest, error] = std::from_chars(text.data(), end, lines);
                if (error != std::errc{} || rest != end)
                    throw CLI::ValidationError(dpsup::quoted(text) +
                                               " is no number of lines: write 0 or more");
                options_.lines = lines;
            },
            help)
        ->type_name("COUNT");
}

void Commands::add_status() {
    auto* command =
        add("status", "Show services and their states",
            "Examples:\n  dpsupctl status\n  dpsupctl status postgres web\n  dpsupctl status --watch\n"
            "  dpsupctl --json status | jq '.services[] | select(.state != \"ready\")'",
            run_status);
    add_names(command, "Only these services");
    command->add_flag("-w,--watch", options_.watch, "Redraw on every change, until interrupted");
}

void Commands::add_action(const std::string& name, const std::string& summary, const std::string& more) {
    auto* command =
        add(name, summary, more, [name](const Options& options) { return run_action(name, options); });
    add_names(command, "The services");
    if (name != "reload") command->add_flag("--all", options_.all, "All services");
    command->add_flag("--wait", options_.wait, "End once it is done, or cannot be");
    add_duration(command, "--timeout", options_.timeout, "Longest wait, such as 30s or 2m; implies --wait");
    if (name == "kill") command->add_option("-s,--signal", options_.signal, "Name or number; KILL otherwise");
    if (name == "stop" || name == "restart")
        add_duration(command, "--stop-timeout", options_.stop_timeout,
                     "Time between the stop signal and SIGKILL");
    if (name == "start") command->add_flag("--cascade", options_.cascade, "What they depend on, too");
    if (name == "stop" || name == "restart")
        command->add_flag("--cascade", options_.cascade, "What depends on them, too");
}

void Commands::add_configuration() {
    add("plan", "Show what applying the configuration files would do",
        "Changes nothing. Each operation is shown with its cause.\nExample:\n  dpsupctl plan", run_plan);
    auto* apply = add("apply", "Apply the configuration files",
                      "Restarts only what must be. A configuration with an error is refused as a whole.\n"
                      "Examples:\n  dpsupctl apply --dry-run\n  sudo dpsupctl apply",
                      run_apply);
    apply->add_flag("--dry-run", options_.dry_run, "Only show, as plan does");
    auto* check =
        add("check", "Check a configuration file, without a daemon",
            "Shows all errors at once, as file:line:column; conf.d/*.toml beside the file is read too.\n"
            "Example:\n  dpsupctl check /etc/dpsup/dpsup.toml",
            run_check);
    check->add_option("FILE", options_.file, "The configuration file")->capture_default_str();
}

void Commands::add_reading() {
    auto* explain = add("explain", "Tell why a service is in its state",
                        "Its dependencies, probes, last decisions and last output, and what to do next.\n"
                        "Example:\n  dpsupctl explain web",
                        run_explain);
    explain->add_option("NAME", options_.names, "The service")->required()->expected(1);
    auto* logs = add("logs", "Show services' output",
                     "Read where it lies, in the journal or in files, with your own rights.\n"
                     "Examples:\n  dpsupctl logs -f web\n  dpsupctl logs -n 200 web postgres",
                     run_logs);
    logs->add_option("NAME", options_.names, "The services")->required();
    logs->add_flag("-f,--follow", options_.follow, "Go on as more is written");
    add_lines(logs, "Lines of the past; 50 otherwise");
    auto* events = add("events", "Show what the daemon decided, and why",
                       "Examples:\n  dpsupctl events -n 100\n  dpsupctl events -f web", run_events);
    add_names(events, "Only these services");
    events->add_flag("-f,--follow", options_.follow, "Go on as more happens");
    add_lines(events, "Decisions of the past; 20 otherwise");
    add("version", "Show the versions of dpsupctl and of the daemon", "Example:\n  dpsupctl version",
        run_version);
}

void Commands::add_daemon() {
    auto* group = app_.add_subcommand("daemon", "Command the daemon itself");
    group->require_subcommand(1);
    group->fallthrough();
    auto* stop =
        add(*group, "stop", "End the daemon, and all services with it",
            "Ends once the daemon has. Services are stopped in reverse order first. Under systemd the unit "
            "is stopped,\n"
            "and nothing starts it by itself.\n"
            "Examples:\n  sudo dpsupctl daemon stop\n  sudo dpsupctl daemon stop --leave-services",
            run_daemon_stop);
    stop->add_flag("--leave-services", options_.leave_services,
                   "They go on, unsupervised, and the daemon that is started next takes them over");
    auto* reexec = add(
        *group, "reexec", "Replace the running daemon by the program on disk",
        "After an upgrade: the same process goes on, no service is touched, and how each ends stays known.\n"
        "A program that cannot take over is refused, and nothing changes. Ends once the new one answers.\n"
        "Example:\n  sudo dpsupctl daemon reexec",
        run_daemon_reexec);
    add_duration(reexec, "--timeout", options_.timeout, "Longest wait for the new one; 30s otherwise");
}

// What is no option, nor the value of one that may stand before a command.
std::vector<std::string> words_of(int argc, const char* const* argv) {
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--socket")
            ++i;
        else if (!word.starts_with('-'))
            words.emplace_back(word);
    }
    return words;
}

// The commands within a command; empty where what follows are arguments.
std::vector<std::string> names_within(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::App* each : command.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(each->get_name());
    return names;
}

Exit unknown_command(const std::string& word, const std::string& path,
                     const std::vector<std::string>& names) {
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const auto near = nearest(word, candidates);
    return report({"usage", dpsup::quoted(word) + " is no command of " + path,
                   near.empty() ? path + " --help lists them all"
                                : "did you mean: " + path + " " + std::string(near) + "?"},
                  false);
}

Exit Commands::unexpected_argument(const CLI::App& command, const std::string& path) const {
    std::vector<std::string> options;
    for (const CLI::App* app : {&command, &app_})
        for (const auto* option : app->get_options())
            for (const auto& name : option->get_lnames()) options.push_back("--" + name);
    const std::vector<std::string_view> candidates(options.begin(), options.end());
    const auto left = app_.remaining(true);
    const std::string argument = left.empty() ? std::string() : left.front();
    const auto near = nearest(argument, candidates);
    return report({"usage", dpsup::quoted(argument) + " means nothing to " + path,
                   near.empty() ? "see: " + path + " --help" : "did you mean " + std::string(near) + "?"},
                  false);
}

Exit Commands::run(int argc, const char* const* argv) {
    const CLI::App* command = &app_;
    std::string path = "dpsupctl";
    for (const std::string& word : words_of(argc, argv)) {
        const std::vector<std::string> names = names_within(*command);
        if (names.empty()) break;
        if (std::find(names.begin(), names.end(), word) == names.end())
            return unknown_command(word, path, names);
        command = command->get_subcommand(word);
        path += " " + word;
    }
    options_.file = "/etc/dpsup/dpsup.toml";
    try {
        app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        const auto printed = print(app_.help());  // the command's own, where one was named
        return printed ? Exit::done : report(printed.error(), false);
    } catch (const CLI::CallForVersion& version) {
        const auto printed = print(std::string(version.what()) + "\n");
        return printed ? Exit::done : report(printed.error(), false);
    } catch (const CLI::ExtrasError&) {
        return unexpected_argument(*command, path);
    } catch (const CLI::ParseError& problem) {
        return report({"usage", problem.what(), "see: " + path + " --help"}, false);
    }
    if (std::find(options_.names.begin(), options_.names.end(), "") != options_.names.end())
        return report({"usage", "\"\" is no service's name", "dpsupctl status lists the services"},
                      options_.json);
    return chosen_(options_);
}

}  // namespace

Exit run(int argc, const char* const* argv) {
    return Commands().run(argc, argv);
}

}  // namespace dpsup::ctl
