#include "world.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "io/answers.hpp"
#include "io/clock.hpp"
#include "log.hpp"

namespace dpsup {
namespace {

constexpr Duration clear_up_every = std::chrono::milliseconds(100);
constexpr std::string_view notify_prefix = "notify/";  // of a service's name, in the DescriptorStore

std::string notify_socket_of(const std::string& service) {
    return std::string(notify_prefix) + service;
}

// Nothing: it ran out of its time, of which the probe itself keeps account.
std::optional<io::ExecResult> to_exec_result(io::CommandResult result) {
    using End = io::CommandResult::End;
    using Kind = io::ExecResult::Kind;
    switch (result.end) {
        case End::exited:
            return io::ExecResult{Kind::exited, result.code, std::move(result.detail), {}};
        case End::signaled:
            return io::ExecResult{Kind::signaled, result.code, std::move(result.detail), {}};
        case End::refused:
            return io::ExecResult{Kind::not_started, 0, {}, std::move(result.detail)};
        case End::timed_out:
            return std::nullopt;
    }
    return std::nullopt;
}

bool has_log_probe(const config::Service& service) {
    return std::ranges::any_of(service.targets, [](const config::ProbeTarget& target) {
        return std::holds_alternative<config::LogProbe>(target);
    });
}

}  // namespace

World::World(boost::asio::io_context& context, io::DescriptorStore& descriptors, Sink sink, Warnings warnings)
    : context_(context),
      descriptors_(descriptors),
      clear_up_timer_(context),
      sink_(std::move(sink)),
      warnings_(std::move(warnings)),
      sockets_(descriptors) {}

Result<void> World::open(io::ProcessHostOptions options) {
    paths_ = {options.log_dir, options.journal_socket, options.journal_unit};
    cgroup_root_ = options.cgroup_root;
    keep_notify_sockets(options);
    options.output_began = [this](ServiceId id, const io::OutputBegin& begin) {
        note_output_began(id, begin);
    };
    auto processes = io::ProcessHost::create(context_, std::move(options), sink_, warnings_);
    if (!processes) return tl::unexpected(processes.error());
    processes_ = std::move(*processes);
    inherit_notify_sockets();
    const auto exec = [this](const io::ExecRequest& request, io::ExecEvents events) {
        const io::CommandNumber number =
            processes_->run_in_service(request.service, request.command, request.timeout,
                                       [ended = std::move(events.ended)](io::CommandResult result) {
                                           if (const auto told = to_exec_result(std::move(result)))
                                               ended(*told);
                                       },
                                       {std::move(events.launched), std::move(events.gone)});
        return std::function<void()>([this, number] { processes_->kill_command(number); });
    };
    const auto answer = [this](ServiceId id, Generation generation, core::Probed probed) {
        sink_({id, generation, std::move(probed)});
    };
    probes_ = std::make_unique<io::ProbeRunner>(context_, answer, exec);
    return {};
}

// What cannot be kept is only not heard while no dpsupd is there.
void World::keep_notify_sockets(io::ProcessHostOptions& options) {
    options.keep_notify = [this](const std::string& service, int fd) {
        if (const Result<void> kept = descriptors_.keep(notify_socket_of(service), fd); !kept)
            log_error(kept.error());
    };
    options.drop_notify = [this](const std::string& service) {
        descriptors_.drop(notify_socket_of(service));
    };
}

void World::inherit_notify_sockets() {
    for (const std::string& name : descriptors_.waiting()) {
        if (!name.starts_with(notify_prefix)) continue;
        for (io::UniqueFd& socket : descriptors_.take(name))
            processes_->inherit_notify(name.substr(notify_prefix.size()), std::move(socket));
    }
}

void World::configure(ServiceId id, io::ServiceConfig config) {
    processes_->bound_log(id, config->process.log);  // live, as are its targets
    configs_[id] = std::move(config);
}

void World::limit(ServiceId id) {
    processes_->limit(id, config_of(id)->process.limits);
}

io::ServiceConfig World::config_of(ServiceId id) const {
    const auto found = configs_.find(id);
    return found == configs_.end() ? nullptr : found->second;
}

void World::perform(const core::Effect& effect) {
    std::visit([&](const auto& action) { perform(effect, action); }, effect.action);
}

void World::perform(const core::Effect& effect, const core::Launch& /*launch*/) {
    io::ServiceConfig config = config_of(effect.service);
    auto sockets = sockets_.open(effect.service, *config);
    if (!sockets) return sink_({effect.service, effect.generation, std::move(sockets.error())});
    processes_->launch(effect.service, effect.generation, std::move(config), std::move(*sockets));
}

void World::perform(const core::Effect& effect, const core::Adopt& /*adopt*/) {
    io::ServiceConfig config = config_of(effect.service);
    note_output_place(effect.service, *config);
    const auto expected = expected_.extract(effect.service);
    const Inherited past = expected ? expected.mapped() : Inherited{};
    if (expected) resume_log_probes(effect, *config, past);
    processes_->adopt(effect.service, effect.generation, std::move(config), past.process);
    adopt_sockets(effect.service, *config_of(effect.service));
}

void World::adopt_sockets(ServiceId id, const config::Service& service) {
    if (processes_->process_start(id) == 0) {
        // Its clients wait for the next instance, whose launch tells what is wrong.
        static_cast<void>(sockets_.open(id, service));
        return;
    }
    const auto from_process = [&] { return processes_->listening_sockets(id); };
    for (const std::string& address : sockets_.adopt(id, service, from_process))
        warnings_(service.name,
                  address +
                      " cannot be taken over from its process (that takes root, and Linux 5.6): "
                      "at its next restart clients are refused for a moment");
}

void World::end_adoption() {
    processes_->end_adoption();
    sockets_.end_adoption();
}

void World::perform(const core::Effect& effect, const core::SendSignal& signal) {
    processes_->send_signal(effect.service, effect.generation, signal.signal, signal.whole_tree);
}

void World::perform(const core::Effect& effect, const core::KillTree& /*kill*/) {
    processes_->kill_tree(effect.service, effect.generation);
}

void World::perform(const core::Effect& effect, const core::RunProbe& probe) {
    const io::ServiceConfig config = config_of(effect.service);
    if (probe.probe >= config->targets.size()) return;
    probes_->run(effect.service, effect.generation, probe, config->targets[probe.probe],
                 output_place(effect.service, *config));
}

void World::perform(const core::Effect& effect, const core::Reload& /*reload*/) {
    processes_->reload(effect.service, effect.generation, config_of(effect.service));
}

void World::perform(const core::Effect& effect, const core::Hold& /*hold*/) {
    // What cannot be opened now is tried again by its launch, which tells why not.
    static_cast<void>(sockets_.open(effect.service, *config_of(effect.service)));
}

void World::perform(const core::Effect& effect, const core::Release& /*release*/) {
    close_sockets(effect.service);
}

void World::close_sockets(ServiceId id) {
    sockets_.close(id);
    if (!sockets_.cleared_up()) clear_up_later();
}

void World::clear_up_later() {
    clear_up_timer_.expires_after(clear_up_every);
    clear_up_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && !sockets_.clear_up_again()) clear_up_later();
    });
}

void World::perform(const core::Effect& effect, const core::Forget& /*forget*/) {
    close_sockets(effect.service);
    probes_->forget(effect.service);
    processes_->forget(effect.service);
    configs_.erase(effect.service);
    outputs_.erase(effect.service);
    began_.erase(effect.service);
}

// Where a log probe begins to look: at what this instance writes, not at what an earlier one did.
void World::note_output_place(ServiceId id, const config::Service& service) {
    if (!has_log_probe(service)) return;
    switch (io::resolve_target(service.process.log, paths_)) {
        case config::LogConfig::Target::journal:
            outputs_[id] = io::JournalOutput{service.name, io::now(), {}, paths_.journal_unit};
            return;
        case config::LogConfig::Target::file: {
            const std::string path = io::log_file_of(service.name, paths_);
            struct stat status{};
            // Where it does not answer now, its launch says where it began.
            const bool there = io::answers(path) && ::stat(path.c_str(), &status) == 0;
            const auto size = there ? static_cast<std::uint64_t>(status.st_size) : 0;
            outputs_[id] = io::FileOutput{path, size, there ? io::log_tail(path, size) : std::string()};
            return;
        }
        case config::LogConfig::Target::automatic:
        case config::LogConfig::Target::none:
            outputs_.erase(id);
            return;
    }
}

// Of every service that writes to a file: a log probe may be configured while it runs.
void World::note_output_began(ServiceId id, const io::OutputBegin& begin) {
    const io::ServiceConfig config = config_of(id);
    if (!config) return;
    if (has_log_probe(*config))
        outputs_[id] = io::FileOutput{io::log_file_of(config->name, paths_), begin.size, begin.tail};
    else
        began_[id] = begin.size;
}

// Where the output goes of an instance that was launched when no log probe asked.
io::OutputPlace World::output_place(ServiceId id, const config::Service& service) {
    if (const auto known = outputs_.find(id); known != outputs_.end()) return known->second;
    const auto began = began_.find(id);
    if (began == began_.end() || !has_log_probe(service)) return {};
    return outputs_[id] = io::FileOutput{io::log_file_of(service.name, paths_), began->second, {}};
}

// They go on where they were: what has matched stays so, and what has not may stand anywhere since the launch.
void World::resume_log_probes(const core::Effect& effect, const config::Service& service,
                              const Inherited& past) {
    if (past.output_offset && !has_log_probe(service)) began_[effect.service] = *past.output_offset;
    if (const auto output = outputs_.find(effect.service); output != outputs_.end()) {
        auto* file = std::get_if<io::FileOutput>(&output->second);
        if (file != nullptr && past.output_offset) {
            file->offset = *past.output_offset;
            file->tail = io::answers(file->path) ? io::log_tail(file->path, file->offset) : std::string();
        }
        if (auto* journal = std::get_if<io::JournalOutput>(&output->second))
            journal->since = past.launched_at;
    }
    for (std::uint32_t i = 0; i < service.targets.size(); ++i)
        if (const auto* probe = std::get_if<config::LogProbe>(&service.targets[i]);
            probe != nullptr && core::passing_in(past.verdicts, i))
            probes_->resume_passed(effect.service, effect.generation, i, *probe);
}

void World::note_launches(const core::Output& output) {
    for (const core::Effect& effect : output.effects)
        if (std::holds_alternative<core::Launch>(effect.action)) {
            began_.erase(effect.service);
            outputs_.erase(effect.service);  // of an earlier instance
            note_output_place(effect.service, *config_of(effect.service));
        }
}

std::optional<std::uint64_t> World::output_offset(ServiceId id) const {
    if (const auto expected = expected_.find(id); expected != expected_.end())
        return expected->second.output_offset;
    if (const auto began = began_.find(id); began != began_.end()) return began->second;
    const auto found = outputs_.find(id);
    const auto* file = found == outputs_.end() ? nullptr : std::get_if<io::FileOutput>(&found->second);
    return file == nullptr ? std::nullopt : std::optional(file->offset);
}

std::string World::status_text(ServiceId id) const {
    return processes_->status_text(id);
}

}  // namespace dpsup
