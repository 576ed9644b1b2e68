#include "io/process/starter.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/text.hpp"
#include "config/socket_keys.hpp"
#include "io/process/environment.hpp"
#include "io/process/exec_failure.hpp"
#include "io/socket/listening_socket.hpp"

namespace dpsup::io {
namespace {

// Lets a program see that its stderr is the journal, and log there with its own fields.
std::string journal_stream_of(int fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return {};
    return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

// As sd_listen_fds(3) reads them.
void add_socket_variables(const PassedSockets& sockets, ExtraVariables& variables) {
    if (sockets.empty()) return;
    std::string names;
    for (const PassedSocket& passed : sockets) names += (names.empty() ? "" : ":") + passed.socket.name;
    variables.emplace_back("LISTEN_FDS", std::to_string(sockets.size()));
    variables.emplace_back("LISTEN_FDNAMES", names);
    variables.emplace_back("LISTEN_PID", "0000000000");  // the child fills it in
}

std::string search_path_of(const Variables& variables) {
    const auto found = variables.find("PATH");
    return found == variables.end() ? std::string() : found->second;
}

Staged<std::string> program_for(const std::vector<std::string>& command, const Variables& variables) {
    if (command.empty() || command.front().empty())
        return stage_failed("exec", EINVAL, "the command is empty");
    const std::string search_path = search_path_of(variables);
    std::string program = find_program(command.front(), search_path);
    if (program.empty())
        return stage_failed("exec", ENOENT,
                            quoted(command.front()) + " is in no directory of PATH (" + search_path + ")");
    return program;
}

// All that a launching thread needs to make the plan; nothing of it changes meanwhile.
struct Wanted {
    std::string leaf;
    Starter::ServiceConfig service;
    std::shared_ptr<const Identity> identity;
    std::vector<std::string> command;
    ExtraVariables extra;
    std::shared_ptr<const LaunchDefaults> defaults;
};

Staged<Variables> variables_of(const Wanted& wanted) {
    auto variables = build_environment(wanted.service->process, *wanted.identity);
    if (!variables) return variables;
    for (const auto& [name, value] : wanted.extra) (*variables)[name] = value;
    (*variables)["DPSUP_SERVICE"] = wanted.service->name;
    (*variables)["DPSUP_INSTANCE"] = wanted.defaults->instance + "/" + wanted.leaf;
    return variables;
}

Staged<void> make_plan(const Wanted& wanted, LaunchJob& job) {
    const config::Process& process = wanted.service->process;
    auto variables = variables_of(wanted);
    if (!variables) return tl::unexpected(variables.error());
    auto program = program_for(wanted.command, *variables);
    if (!program) return tl::unexpected(program.error());
    auto plan = std::make_unique<LaunchPlan>(process, wanted.identity, wanted.command, std::move(*program),
                                             flatten(std::move(*variables)));
    if (auto completed = plan->complete(process, *wanted.defaults, job.output.get()); !completed)
        return completed;
    plan->cgroup = std::move(job.placement.directory);
    plan->cgroup_procs = std::move(job.placement.procs);
    plan->pass(job.sockets);
    job.plan = std::move(plan);
    return {};
}

Staged<void> give_sockets(const PassedSockets& sockets, const Identity& identity) {
    for (const PassedSocket& passed : sockets) {
        const int error = give_to(passed.socket, identity.uid, identity.gid);
        if (error != 0)
            return stage_failed("socket", error,
                                config::address_of(passed.socket) + ": making it " + identity.name + "'s");
    }
    return {};
}

Staged<void> make_service_plan(Wanted wanted, const OutputPaths& paths, LaunchJob& job) {
    if (auto given = give_sockets(job.sockets, *wanted.identity); !given) return given;
    auto output = open_output(wanted.service->name, wanted.service->process.log, paths);
    if (!output) return stage_failed("output", output.error().error_number, output.error().detail);
    add_socket_variables(job.sockets, wanted.extra);
    if (output->journal) wanted.extra.emplace_back("JOURNAL_STREAM", journal_stream_of(output->fd.get()));
    job.output = std::move(output->fd);
    job.log_path = std::move(output->path);
    job.log_begin = std::move(output->begin);
    return make_plan(wanted, job);
}

// What needs the loop.
Staged<LaunchJob> begin_job(ProcessTree& tree, const Wanted& wanted) {
    if (!wanted.identity)
        return stage_failed("user", 0, "it is not known yet as whom " + wanted.service->name + " runs");
    auto placement = tree.prepare(wanted.leaf, wanted.service->process.limits);
    if (!placement) return tl::unexpected(placement.error());
    LaunchJob job;
    job.placement = std::move(*placement);
    job.name = wanted.leaf;
    return job;
}

}  // namespace

Staged<LaunchJob> Starter::prepare_service(ProcessTree& tree, const ServiceConfig& service,
                                           std::shared_ptr<const Identity> identity, ExtraVariables extra,
                                           PassedSockets sockets) const {
    const Wanted wanted{service->name,    service,  std::move(identity), service->process.command,
                        std::move(extra), defaults_};
    auto job = begin_job(tree, wanted);
    if (!job) return job;
    job->sockets = std::move(sockets);
    job->prepare = [wanted, paths = paths_](LaunchJob& made) {
        return make_service_plan(wanted, paths, made);
    };
    return job;
}

Staged<LaunchJob> Starter::prepare_command(ProcessTree& tree, const std::string& leaf,
                                           const ServiceConfig& service,
                                           std::shared_ptr<const Identity> identity,
                                           std::vector<std::string> command, ExtraVariables extra,
                                           UniqueFd output) const {
    const Wanted wanted{leaf, service, std::move(identity), std::move(command), std::move(extra), defaults_};
    auto job = begin_job(tree, wanted);
    if (!job) return job;
    job->output = std::move(output);
    job->prepare = [wanted](LaunchJob& made) { return make_plan(wanted, made); };
    return job;
}

}  // namespace dpsup::io
