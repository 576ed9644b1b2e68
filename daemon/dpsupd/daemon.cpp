#include "daemon.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/hash.hpp"
#include "base/signal_mask.hpp"
#include "base/text.hpp"
#include "cgroups.hpp"
#include "control/api.hpp"
#include "engine_backend.hpp"
#include "io/http/server.hpp"
#include "io/process/descriptor_limit.hpp"
#include "io/state/applied_config.hpp"
#include "io/state/directory_lock.hpp"
#include "io/state/record_file.hpp"
#include "io/state/run_log.hpp"
#include "io/state/state_store.hpp"
#include "io/systemd/descriptor_store.hpp"
#include "io/systemd/notifier.hpp"
#include "io/systemd/services_scope.hpp"
#include "io/threads.hpp"
#include "lifecycle.hpp"
#include "log.hpp"
#include "reexec.hpp"

namespace dpsup {
namespace {

// As dpsupd.socket names it (FileDescriptorName=); whoever activates by hand may name nothing (LISTEN_FDNAMES).
constexpr const char* control_socket_name = "control";
constexpr const char* nameless = "unknown";
// As a re-exec leaves them: what we made ourselves.
constexpr const char* own_socket_name = "control.own";
constexpr const char* state_lock_name = "lock.state";
constexpr const char* runtime_lock_name = "lock.runtime";

io::UniqueFd take_one(io::DescriptorStore& descriptors, const char* name) {
    std::vector<io::UniqueFd> passed = descriptors.take(name);
    return passed.empty() ? io::UniqueFd() : std::move(passed.front());
}

Result<io::http::Listener> open_socket(const std::string& path, io::DescriptorStore& descriptors) {
    if (io::UniqueFd own = take_one(descriptors, own_socket_name)) {
        Result<io::http::Listener> listener = io::http::Listener::adopt_own(own.get(), path);
        if (listener) (void)own.release();
        return listener;
    }
    std::vector<io::UniqueFd> passed = descriptors.take(control_socket_name);
    if (passed.empty()) passed = descriptors.take(nameless);
    if (passed.empty()) return io::http::Listener::create(path);
    Result<io::http::Listener> listener = io::http::Listener::adopt(passed.front().get());
    if (listener) (void)passed.front().release();
    return listener;
}

// So that nobody else gets in between, and whoever asks meanwhile waits.
Result<void> keep_for_reexec(io::DescriptorStore& descriptors, int state_lock, int runtime_lock,
                             const io::http::Listener& listener) {
    Result<void> kept = descriptors.keep_over_exec(state_lock_name, state_lock);
    if (kept) kept = descriptors.keep_over_exec(runtime_lock_name, runtime_lock);
    if (kept)
        kept = descriptors.keep_over_exec(listener.is_own() ? own_socket_name : control_socket_name,
                                          listener.fd());
    return kept;
}

Result<void> make_directory(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST)
            return fail("no_directory", "create " + part + ": " + std::generic_category().message(errno));
        if (end != std::string::npos) continue;
        struct stat about{};
        if (::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return {};
        return fail("no_directory", path + " is no directory");
    }
}

// Says which key named the path that was no good.
tl::unexpected<Error> about_key(const std::string& key, const std::string& path, Error error) {
    error.message = "[daemon] " + key + " = " + dpsup::quoted(path) + ": " + error.message;
    if (error.hint.empty()) error.hint = "set " + key + " to a directory that dpsupd can create and write to";
    return tl::unexpected(std::move(error));
}

io::ProcessHostOptions process_options(const config::Daemon& daemon, const rlimit64& nofile, bool by_systemd,
                                       const io::RunRecords& records) {
    io::ProcessHostOptions options;
    options.nofile = nofile;
    options.runtime_dir = daemon.runtime_dir;
    options.log_dir = daemon.log_dir;
    const io::CgroupRoot root = choose_cgroups(daemon, by_systemd, records);
    if (root.path.empty())
        log_warning("without cgroups: " + root.reason);
    else
        log_info(root.reason);
    options.cgroup_root = root.path;
    options.open_cgroup_root = reopening(daemon, root);
    options.journal_unit = root.unit;
    options.instance = std::to_string(fnv1a(daemon.state_dir)) + "-" + io::boot_id();
    return options;
}

void warn_of(const control::Roles& roles) {
    for (const std::string& warning : roles.warnings()) log_warning(warning);
}

void warn_of(const io::RunLog& runs, const config::Daemon& paths) {
    if (runs.damaged() > 0)
        log_warning("damaged lines in the record of what runs, " + paths.runtime_dir +
                    "/runs: " + std::to_string(runs.damaged()) +
                    "; what no other line tells of is ended, and launched anew");
}

// In a thread: groups are looked up by name, and a directory service may be slow or never answer. Until it has, the
// roles stay what they are.
void look_up_roles(io::Workers& workers, control::Api& api, const config::Control& control) {
    const auto roles = std::make_shared<std::optional<control::Roles>>();
    const auto look_up = [roles, control] { roles->emplace(control, geteuid()); };
    const auto take = [roles, &api] {
        if (!*roles) return;
        warn_of(**roles);
        api.set_roles(std::move(**roles));
    };
    if (!workers.submit(look_up, take)) log_warning("cannot look up the groups of [control]: apply again");
}

tl::unexpected<Error> cannot_start(const std::runtime_error& error) {
    return fail("cannot_start", std::string("cannot start: ") + error.what(),
                "where it is threads that are missing, see the limits of tasks: ulimit -u, TasksMax=");
}

struct Directories {
    io::StateStore store;
    io::UniqueFd runtime_lock;  // else services' reports would go to whichever daemon came last
};

// A re-exec has kept the locks: nobody can have got in between.
Result<Directories> lock_directories(const config::Daemon& paths, io::DescriptorStore& descriptors) {
    if (Result<void> made = make_directory(paths.runtime_dir); !made)
        return about_key("runtime_dir", paths.runtime_dir, made.error());
    Result<io::StateStore> store =
        io::StateStore::open(paths.state_dir, take_one(descriptors, state_lock_name));
    if (!store) return about_key("state_dir", paths.state_dir, store.error());
    Result<io::UniqueFd> lock = io::lock_directory(paths.runtime_dir, "dpsupd.lock", "runtime directory",
                                                   take_one(descriptors, runtime_lock_name));
    if (!lock) return about_key("runtime_dir", paths.runtime_dir, lock.error());
    return Directories{std::move(*store), std::move(*lock)};
}

// Told first: where the start fails, whoever edits the files in vain must know why.
void tell_what_counts(const Start& start) {
    if (start.goes_on)
        log_info("goes on with the configuration that was applied before, on record in " +
                 start.applied_path +
                 "; `dpsupctl plan` tells what the files change, and without that record they count");
    if (!start.passed_over.empty()) log_warning(start.passed_over);
}

Result<void> read_again(Start& start) {
    log_info("the dpsupd that ran until now has changed what is on record: reading the configuration again");
    Result<config::LoadOutcome> outcome = load_to_start(std::string(start.config_file), start);
    if (!outcome) return tl::unexpected(outcome.error());
    if (!outcome->config) return tl::unexpected(to_error(outcome->diagnostics));
    start.config = std::move(*outcome->config);
    start.origin = std::move(outcome->origin);
    set_log_level(start.config.daemon.log_level);
    tell_what_counts(start);
    return {};
}

// Whoever had them until now may have applied something since it was read, or have stopped everything in order: what
// counts is what is on record once they are ours. That may name others; each turn takes a daemon that ends meanwhile.
Result<Directories> open_directories(Start& start, io::DescriptorStore& descriptors) {
    constexpr int turns_max = 8;
    for (int turn = 1;; ++turn) {
        {
            Result<Directories> locked = lock_directories(start.config.daemon, descriptors);
            const bool current = io::applied_config_mark(start.applied_path) == start.applied_mark;
            if (!locked || current || turn == turns_max) return locked;
        }
        if (Result<void> read = read_again(start); !read) return tl::unexpected(read.error());
    }
}

// Everything that lives as long as the daemon, in the order in which it is opened.
Result<int> run(Start start, const rlimit64& nofile, bool& started) {
    tell_what_counts(start);
    io::DescriptorStore descriptors = io::DescriptorStore::inherit();
    Result<Directories> directories = open_directories(start, descriptors);
    if (!directories) return tl::unexpected(directories.error());
    const config::Daemon paths = start.config.daemon;
    const bool by_systemd = io::started_by_systemd();
    Result<io::Remembered> remembered = directories->store.load();
    if (!remembered) return tl::unexpected(remembered.error());
    Result<io::http::Listener> listener = open_socket(paths.socket, descriptors);
    if (!listener) return tl::unexpected(listener.error());
    if (Result<void> kept = keep_for_reexec(descriptors, directories->store.lock(),
                                            directories->runtime_lock.get(), *listener);
        !kept)
        return tl::unexpected(kept.error());

    // What follows starts threads: none is to have a signal that is for the loop, which waits until Lifecycle::ready().
    block_signals();
    boost::asio::io_context context(1);
    Memory memory(context, std::move(directories->store), std::move(*remembered));
    Result<io::RunLog> runs = io::RunLog::open(paths.runtime_dir + "/runs", io::boot_id());
    if (!runs) return tl::unexpected(runs.error());
    warn_of(*runs, paths);
    Engine engine(context, std::random_device{}(), memory, std::move(*runs), descriptors);
    io::ProcessHostOptions options =
        process_options(paths, nofile, by_systemd, engine.recorder().inherited());
    options.launch_begins = [&engine](ServiceId id) { engine.recorder().launch_begins(id); };
    if (Result<void> opened = engine.world().open(std::move(options)); !opened)
        return tl::unexpected(opened.error());
    AppliedRecord record(context, start.applied_path, io::boot_id());
    Applier applier(context, engine, memory, record, start.config_file, std::move(start.config));
    Reexec reexec(context, engine, applier, memory, descriptors, {start.program, start.arguments, nofile},
                  start.config_file);
    EngineBackend backend(engine, applier, memory, reexec);
    control::Roles roles(applier.catalogue().config().control, geteuid());
    warn_of(roles);
    control::Api api(backend, std::move(roles), DPSUP_VERSION);
    io::Workers look_ups(context, 1);
    applier.on_applied([&](const config::Config& applied) {
        set_log_level(applied.daemon.log_level);
        look_up_roles(look_ups, api, applied.control);
    });
    io::http::Server server(context, std::move(*listener), api,
                            io::http::limits_for(io::descriptor_limit().rlim_cur));
    Lifecycle lifecycle(context, engine, applier, by_systemd);
    backend.on_daemon_stop([&lifecycle](const control::DaemonStop& request, const auto& reply) {
        lifecycle.stop_daemon(request, reply);
    });
    reexec.connect(server, lifecycle);
    lifecycle.ready();
    started = true;
    applier.start(std::move(start.origin));
    if (start.handover) reexec.taken_over(start.handover->since);
    context.run();
    server.stop();
    memory.close();
    const bool all_stopped = !lifecycle.was_forced() && !lifecycle.has_left_services();
    if (all_stopped && by_systemd) io::close_services_scope(scope_of(paths));
    return lifecycle.was_forced() ? 1 : 0;
}

// Threads that the daemon needs are started with it; where the system has none, that is an error like any other: a
// std::system_error, or Boost's own, which have this base in common.
Result<int> run_if_it_starts(Start start, const rlimit64& nofile, bool& started) {
    try {
        return run(std::move(start), nofile, started);
    } catch (const std::runtime_error& error) {
        if (started) throw;
        return cannot_start(error);
    }
}

// An edit that nobody has applied takes effect: whoever made it must find out why.
std::string passed_over(const std::string& path, const std::string& why) {
    return "the configuration that was applied before, on record in " + path +
           ", is of no use, and the files count from now on, applied or not: " + why;
}

}  // namespace

Result<config::LoadOutcome> load_to_start(const std::string& config_file, Start& start) {
    start.config_file = config_file;
    start.applied_path = io::applied_config_path(config_file);
    start.applied_mark = io::applied_config_mark(start.applied_path);
    start.goes_on = false;
    start.passed_over.clear();
    Result<std::optional<io::AppliedConfig>> on_record =
        io::load_applied_config(start.applied_path, io::boot_id());
    if (!on_record) return tl::unexpected(on_record.error());
    if (std::optional<io::AppliedConfig>& applied = *on_record) {
        config::LoadOutcome again = config::load_again(std::move(applied->origin));
        if (again.config) {
            config::Daemon& daemon = again.config->daemon;
            daemon.socket = std::move(applied->socket);
            daemon.state_dir = std::move(applied->state_dir);
            daemon.runtime_dir = std::move(applied->runtime_dir);
            daemon.log_dir = std::move(applied->log_dir);
            again.diagnostics.clear();  // told when it was applied
            start.goes_on = true;
            return again;
        }
        start.passed_over = passed_over(start.applied_path, to_error(again.diagnostics).message);
    } else if (!start.applied_mark.empty()) {
        start.passed_over =
            passed_over(start.applied_path, "it is damaged, cannot be read, or is of an earlier boot");
    }
    return config::load(config_file, config::process_environment());
}

int run_daemon(Start start) {
    try {
        set_up_log(io::stderr_is_journal() ? LogTarget::journal : LogTarget::standard_error,
                   start.config.daemon.log_level);
    } catch (const std::runtime_error& error) {
        std::fputs(("dpsupd: " + cannot_start(error).value().message + "\n").c_str(), stderr);
        return 1;
    }
    const rlimit64 started_with = start.handover ? start.handover->nofile : io::descriptor_limit();
    if (!io::raise_descriptor_limit(started_with)) log_warning("cannot raise the limit of open files");
    bool started = false;
    const Result<int> ended = run_if_it_starts(std::move(start), started_with, started);
    if (!ended) log_error(ended.error());
    const bool useless = !ended && ended.error().code == "state_too_new";
    const int code = ended.value_or(useless ? exit_config : 1);
    const bool log_is_written = close_log();
    if (!log_is_written || !io::is_only_thread()) std::quick_exit(code);
    return code;
}

}  // namespace dpsup
