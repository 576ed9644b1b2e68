#include "io/process/launch_plan.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "io/process/kernel_names.hpp"

namespace dpsup::io {
namespace {

constexpr std::string_view listen_pid = "LISTEN_PID=";

std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<const char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const auto& text : texts) pointers.push_back(text.c_str());
    pointers.push_back(nullptr);
    return pointers;
}

std::string make_instance() {
    static_assert(sizeof(pid_t) <= sizeof(int));
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::to_string(::getpid()) + "-" + std::to_string(time.tv_sec) + std::to_string(time.tv_nsec);
}

}  // namespace

LaunchDefaults make_launch_defaults(const rlimit64& nofile, const std::string& instance) {
    LaunchDefaults defaults;
    defaults.dev_null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    std::ifstream("/proc/self/oom_score_adj") >> defaults.oom_score_adj;
    defaults.nofile = nofile;
    defaults.instance = instance.empty() ? make_instance() : instance;
    return defaults;
}

LaunchPlan::LaunchPlan(const config::Process& process, std::shared_ptr<const Identity> identity,
                       std::vector<std::string> command, std::string path,
                       std::vector<std::string> environment)
    : identity_(std::move(identity)),
      command_(std::move(command)),
      path_(std::move(path)),
      directory_(process.working_dir.empty() ? "/" : process.working_dir),
      environment_(std::move(environment)),
      arguments_(pointers_to(command_)),
      environment_pointers_(pointers_to(environment_)) {
    child.path = path_.c_str();
    child.arguments = arguments_.data();
    child.environment = environment_pointers_.data();
    child.directory = directory_.c_str();
    child.set_nice = process.nice.has_value();
    child.nice = process.nice.value_or(0);
    child.umask = process.umask.value_or(0022);
    child.no_new_privs = process.no_new_privs;
    child.set_groups = identity_->set_groups;
    child.groups = identity_->groups.data();
    child.group_count = identity_->groups.size();
    child.set_ids = identity_->set_ids;
    child.uid = identity_->uid;
    child.gid = identity_->gid;
}

LaunchPlan::~LaunchPlan() {
    for (auto& variable : environment_) ::explicit_bzero(variable.data(), variable.size());
}

Staged<void> LaunchPlan::complete(const config::Process& process, const LaunchDefaults& defaults,
                                  int output_fd) {
    child.stdin_fd = defaults.dev_null.get();
    child.output_fd = output_fd >= 0 ? output_fd : defaults.dev_null.get();
    add_oom_score_adj(process, defaults);
    if (auto added = add_rlimits(process, defaults); !added) return added;
    return add_capabilities(process);
}

void LaunchPlan::pass(const PassedSockets& sockets) {
    for (const PassedSocket& passed : sockets) sockets_.push_back(passed.fd->get());
    child.sockets = sockets_.data();
    child.socket_count = static_cast<unsigned>(sockets_.size());
    for (std::string& variable : environment_)
        if (variable.starts_with(listen_pid)) child.listen_pid = variable.data() + listen_pid.size();
}

void LaunchPlan::add_oom_score_adj(const config::Process& process, const LaunchDefaults& defaults) {
    const int wanted = process.oom_score_adj.value_or(0);
    child.oom_score_adj_must = process.oom_score_adj.has_value();
    if (wanted == defaults.oom_score_adj) return;
    oom_score_adj_ = std::to_string(wanted);
    child.oom_score_adj = oom_score_adj_.c_str();
}

Staged<void> LaunchPlan::add_rlimits(const config::Process& process, const LaunchDefaults& defaults) {
    if (!process.rlimits.contains("nofile")) {
        rlimits_.push_back({RLIMIT_NOFILE, defaults.nofile});
        rlimit_names_.emplace_back("nofile");
    }
    for (const auto& [name, limit] : process.rlimits) {
        const auto number = rlimit_number(name);
        if (!number) return stage_failed("rlimit", EINVAL, name + ": there is no such limit");
        rlimits_.push_back({*number, {limit.soft, limit.hard}});
        rlimit_names_.push_back(name);
    }
    child.rlimits = rlimits_.data();
    child.rlimit_count = rlimits_.size();
    return {};
}

Staged<void> LaunchPlan::add_capabilities(const config::Process& process) {
    if (!process.capabilities) return {};
    child.set_capabilities = true;
    for (const auto& name : *process.capabilities) {
        const auto number = capability_number(name);
        if (!number) return stage_failed("capabilities", EINVAL, name + ": there is no such capability");
        child.capabilities |= std::uint64_t{1} << *number;
    }
    return {};
}

std::string LaunchPlan::failed_rlimit() const {
    return child.failed_index < rlimit_names_.size() ? rlimit_names_[child.failed_index] : std::string();
}

}  // namespace dpsup::io
