#include "io/process/starter.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/text.hpp"
#include "io/process/environment.hpp"
#include "io/process/exec_failure.hpp"

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

}  // namespace

struct Starter::Wanted {
    const std::string& leaf;
    const config::Service& service;
    const std::vector<std::string>& command;
    const ExtraVariables& extra;
    std::shared_ptr<const Identity> identity;
};

Staged<Starter::Service> Starter::prepare_service(ProcessTree& tree, const config::Service& service,
                                                  std::shared_ptr<const Identity> identity,
                                                  const ExtraVariables& extra, PassedSockets sockets) {
    auto output = open_output(service.name, service.process.log, paths_);
    if (!output) return stage_failed("output", output.error().error_number, output.error().detail);
    ExtraVariables variables = extra;
    add_socket_variables(sockets, variables);
    if (output->journal) variables.emplace_back("JOURNAL_STREAM", journal_stream_of(output->fd.get()));
    auto job = prepare(tree, {service.name, service, service.process.command, variables, std::move(identity)},
                       std::move(output->fd));
    if (!job) return tl::unexpected(job.error());
    job->plan->pass(sockets);
    job->sockets = std::move(sockets);
    return Service{std::move(*job), std::move(output->path)};
}

Staged<LaunchJob> Starter::prepare_command(ProcessTree& tree, const std::string& leaf,
                                           const config::Service& service,
                                           std::shared_ptr<const Identity> identity,
                                           const std::vector<std::string>& command,
                                           const ExtraVariables& extra, UniqueFd output) {
    return prepare(tree, {leaf, service, command, extra, std::move(identity)}, std::move(output));
}

Staged<LaunchJob> Starter::prepare(ProcessTree& tree, const Wanted& wanted, UniqueFd output) {
    const config::Process& process = wanted.service.process;
    if (!wanted.identity)
        return stage_failed("user", 0, "it is not known yet as whom " + wanted.service.name + " runs");
    auto variables = build_environment(process, *wanted.identity);
    if (!variables) return tl::unexpected(variables.error());
    for (const auto& [name, value] : wanted.extra) (*variables)[name] = value;
    (*variables)["DPSUP_SERVICE"] = wanted.service.name;
    (*variables)["DPSUP_INSTANCE"] = defaults_.instance + "/" + wanted.leaf;
    auto program = program_for(wanted.command, *variables);
    if (!program) return tl::unexpected(program.error());
    auto plan = std::make_unique<LaunchPlan>(process, wanted.identity, wanted.command, std::move(*program),
                                             flatten(std::move(*variables)));
    if (auto completed = plan->complete(process, defaults_, output.get()); !completed)
        return tl::unexpected(completed.error());
    auto placement = tree.prepare(wanted.leaf, process.limits);
    if (!placement) return tl::unexpected(placement.error());
    plan->cgroup = std::move(placement->directory);
    plan->cgroup_procs = std::move(placement->procs);
    return LaunchJob{std::move(plan), std::move(output), {}};
}

}  // namespace dpsup::io
