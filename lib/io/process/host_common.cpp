// ProcessHostImplementation: its making, its outbox and its small questions.
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "io/process/cgroup_tree.hpp"
#include "io/process/descendant_tree.hpp"
#include "io/process/descriptor_limit.hpp"
#include "io/process/foreign_process.hpp"
#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

ProcessHostImplementation::ProcessHostImplementation(boost::asio::io_context& context,
                                                     ProcessHostOptions options,
                                                     ProcessHost::EventSink events,
                                                     ProcessHost::WarningSink warnings)
    : context_(context),
      options_(std::move(options)),
      events_(std::move(events)),
      warnings_(std::move(warnings)),
      inotify_(context),
      rotation_(context, inotify_,
                [this](const std::string& path, const std::string& message) {
                    warnings_("", "the log " + path + ": " + message);
                }),
      starter_(OutputPaths{options_.log_dir, options_.journal_socket, options_.journal_unit},
               make_launch_defaults(options_.nofile, options_.instance)),
      reaper_(context,
              [this](pid_t pid) {
                  worker_.reaped(pid);
                  stranger_ended();
              }),
      worker_(
          context, reaper_, [this](const std::string& message) { warnings_("", message); }, options_.launch),
      identities_(context, options_.resolve ? options_.resolve : resolve_identity),
      tree_opener_(context, 1),
      next_look_(context) {}

ProcessHostImplementation::~ProcessHostImplementation() {
    leave_notify();
}

Result<void> ProcessHostImplementation::open() {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return fail("subreaper", std::string("becoming the reaper of orphans: ") + std::strerror(errno));
    const auto warn = [this](const std::string& service, const std::string& message) {
        warnings_(service, message);
    };
    if (options_.cgroup_root.empty()) {
        tree_ = std::make_unique<DescendantTree>(starter_.instance(), warn);
    } else {
        auto opened = CgroupTree::open(
            options_.cgroup_root, inotify_, [this](const std::string& leaf) { tree_changed(leaf); }, warn);
        if (!opened) return tl::unexpected(opened.error());
        tree_ = std::move(*opened);
    }
    commands_ = std::make_unique<CommandRunner>(context_, starter_, worker_, *tree_, reaper_,
                                                options_.commands_max, [this] { stranger_ended(); });
    return {};
}

void ProcessHostImplementation::emit(ServiceId id, Generation generation, core::Fact fact) {
    outbox_.push_back({id, generation, std::move(fact)});
}

// The callback may call us again; what that emits goes out in the same loop, after it has returned.
void ProcessHostImplementation::flush() {
    if (flushing_) return;
    flushing_ = true;
    while (!outbox_.empty()) {
        const core::ServiceEvent event = std::move(outbox_.front());
        outbox_.pop_front();
        events_(event);
    }
    flushing_ = false;
}

void ProcessHostImplementation::schedule_flush() {
    if (flush_scheduled_) return;
    flush_scheduled_ = true;
    later([](ProcessHostImplementation& self) {
        self.flush_scheduled_ = false;
        self.flush();
    });
}

ProcessHostImplementation::Entry* ProcessHostImplementation::find(ServiceId id) {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
}

const ProcessHostImplementation::Entry* ProcessHostImplementation::find(ServiceId id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
}

CommandNumber ProcessHostImplementation::run_in_service(ServiceId id, std::vector<std::string> command,
                                                        Duration timeout,
                                                        ProcessHost::CommandCallback callback,
                                                        CommandProgress progress) {
    Entry* entry = find(id);
    const bool runs = entry != nullptr && entry->phase == Phase::running;
    if (!runs || !entry->identity) {
        const std::string why = runs ? unknown_identity : "the service does not run";
        boost::asio::post(context_, [answer = std::move(callback), gone = std::move(progress.gone), why] {
            answer({CommandResult::End::refused, 0, why});
            if (gone) gone();
        });
        return 0;
    }
    return commands_->run({id,
                           entry->config,
                           entry->identity,
                           std::move(command),
                           {{"MAINPID", std::to_string(entry->main_pid)}},
                           timeout,
                           std::move(callback),
                           std::move(progress)});
}

void ProcessHostImplementation::kill_command(CommandNumber number) {
    commands_->kill(number);
}

void ProcessHostImplementation::bound_log(ServiceId id, const config::LogConfig& log) {
    Entry* entry = find(id);
    if (entry == nullptr || (entry->log_size_max == log.max_size && entry->log_keep == log.keep)) return;
    entry->log_size_max = log.max_size;
    entry->log_keep = log.keep;
    if (!entry->log_path.empty()) rotation_.watch(entry->log_path, log.max_size, log.keep);
}

std::string ProcessHostImplementation::status_text(ServiceId id) const {
    const Entry* entry = find(id);
    return entry == nullptr ? std::string() : entry->status;
}

// One line for whoever starts dpsupd, beside those of each service that is looked at again.
void ProcessHostImplementation::tell_of_missing_descriptors() const {
    const UniqueFd one_more = ForeignProcess::hold(::getpid());
    if (one_more || errno != EMFILE) return;
    const auto missing = std::ranges::count_if(entries_, [](const auto& one) {
        return one.second.phase == Phase::launching && one.second.look_again != nullptr;
    });
    if (missing == 0) return;
    warnings_("", "descriptors are missing to watch all services that run: " + std::to_string(missing) +
                      " (" + std::to_string(descriptor_limit().rlim_cur) + " may be open, and " +
                      std::to_string(ForeignProcess::descriptors_kept()) +
                      " of them are kept for commands, launches and probes); raise LimitNOFILE= of the unit, "
                      "or ulimit -n, and start dpsupd again");
}

}  // namespace dpsup::io
