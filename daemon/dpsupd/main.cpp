// dpsupd: reads the configuration, opens everything, and runs the loop until it is told to end.
#include <malloc.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "base/signal_mask.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "config/load.hpp"
#include "daemon.hpp"
#include "io/reexec.hpp"
#include "io/standard_descriptors.hpp"
#include "takeover_check.hpp"

namespace {

// As dpsupctl has it.
constexpr int exit_usage = 2;

int used_wrongly(const CLI::App& app, const CLI::ParseError& problem) {
    const std::vector<std::string> left = app.remaining();
    const std::string what =
        left.empty() ? problem.what() : dpsup::quoted(left.front()) + " means nothing to dpsupd";
    std::fprintf(stderr,
                 "dpsupd: %s\n  it is called as: dpsupd [--config FILE] [--check] [--check-takeover]\n",
                 what.c_str());
    return exit_usage;
}

int check(const dpsup::config::LoadOutcome& outcome, const std::string& file) {
    std::fputs(dpsup::config::render(outcome.diagnostics).c_str(), stderr);
    if (!outcome.config) return 1;
    std::printf("%s is valid: %zu services\n", file.c_str(), outcome.config->services.size());
    return 0;
}

// Whatever our parent has left us: descriptors, umask and signals as everything below expects them.
void clear_inheritance(bool reexecuted) {
    dpsup::io::fill_standard_descriptors(O_WRONLY);
    // Services of other users go through our directories; each service has its umask from the configuration.
    ::umask(022);
    // Signals that came during a re-exec wait until we listen to them.
    if (!reexecuted) dpsup::unblock_signals();
    std::signal(SIGCHLD, SIG_DFL);
    // Whoever read our output may leave (`dpsupd 2>&1 | head`), or a file may reach its limit, and the services go on.
    // They get the defaults back.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
    dpsup::Start start;
    start.handover = dpsup::io::take_handover();
    clear_inheritance(start.handover.has_value());
    start.program = dpsup::io::own_program_path();
    start.arguments.assign(argv, argv + argc);
    // One loop does the work; an arena for each helper thread would only cost memory.
    mallopt(M_ARENA_MAX, 1);
    // Left to itself it grows with the largest buffer there ever was, and so does what stays in the heap.
    constexpr int largest_in_heap = 128 * 1024;  // bytes
    mallopt(M_MMAP_THRESHOLD, largest_in_heap);

    CLI::App app{
        "dpsupd supervises the services of a host: starts them in dependency order, watches and restarts "
        "them."};
    std::string config_file = "/etc/dpsup/dpsup.toml";
    bool check_only = false;
    app.add_option("--config", config_file, "The configuration; conf.d/*.toml beside it is read after it")
        ->capture_default_str();
    app.add_flag("--check", check_only,
                 "Read and check the configuration, say what is wrong with it, and end");
    bool takeover_check_only = false;
    app.add_flag("--check-takeover", takeover_check_only,
                 "Say whether this program could go on in place of the dpsupd that runs, and end; "
                 "`dpsupctl daemon reexec` asks it");
    app.set_version_flag("--version", "dpsupd " DPSUP_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app.exit(asked);
    } catch (const CLI::ParseError& problem) {
        return used_wrongly(app, problem);
    }

    if (check_only)
        return check(dpsup::config::load(config_file, dpsup::config::process_environment()), config_file);
    if (takeover_check_only) return dpsup::check_takeover(config_file);
    dpsup::Result<dpsup::config::LoadOutcome> outcome = dpsup::load_to_start(config_file, start);
    if (!outcome) {
        const dpsup::Error& error = outcome.error();
        std::fprintf(stderr, "dpsupd: %s\n  %s\n", error.message.c_str(), error.hint.c_str());
        return dpsup::exit_config;
    }
    std::fputs(dpsup::config::render(outcome->diagnostics).c_str(), stderr);
    if (!outcome->config) {
        if (!start.passed_over.empty()) std::fprintf(stderr, "dpsupd: %s\n", start.passed_over.c_str());
        return dpsup::exit_config;
    }
    start.config = std::move(*outcome->config);
    start.origin = std::move(outcome->origin);
    return dpsup::run_daemon(std::move(start));
}
