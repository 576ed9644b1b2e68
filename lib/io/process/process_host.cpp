#include "io/process/process_host.hpp"

#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

Result<std::unique_ptr<ProcessHost>> ProcessHost::create(boost::asio::io_context& context,
                                                         ProcessHostOptions options, EventSink events,
                                                         WarningSink warnings) {
    auto implementation = std::make_shared<ProcessHostImplementation>(context, std::move(options),
                                                                      std::move(events), std::move(warnings));
    if (auto opened = implementation->open(); !opened) return tl::unexpected(opened.error());
    return std::unique_ptr<ProcessHost>(new ProcessHost(std::move(implementation)));
}

ProcessHost::ProcessHost(std::shared_ptr<ProcessHostImplementation> implementation)
    : implementation_(std::move(implementation)) {}

ProcessHost::~ProcessHost() = default;

void ProcessHost::launch(ServiceId id, Generation generation, ServiceConfig config, PassedSockets sockets) {
    implementation_->launch(id, generation, std::move(config), std::move(sockets));
}

void ProcessHost::inherit_notify(const std::string& service, UniqueFd socket) {
    implementation_->inherit_notify(service, std::move(socket));
}

void ProcessHost::adopt(ServiceId id, Generation generation, ServiceConfig config,
                        const AdoptedProcess& process) {
    implementation_->adopt(id, generation, std::move(config), process);
}

std::optional<AdoptedProcess> ProcessHost::find_leftover(const std::string& name,
                                                         const AdoptedProcess& known) const {
    return implementation_->find_leftover(name, known);
}

void ProcessHost::end_adoption() {
    implementation_->end_adoption();
    implementation_->tell_of_missing_descriptors();
}

bool ProcessHost::queued(ServiceId id, Generation generation) const {
    return implementation_->queued(id, generation);
}

std::uint64_t ProcessHost::process_start(ServiceId id) const {
    return implementation_->process_start(id);
}

std::vector<UniqueFd> ProcessHost::listening_sockets(ServiceId id) const {
    return implementation_->listening_sockets(id);
}

void ProcessHost::send_signal(ServiceId id, Generation generation, int signal, bool whole_tree) {
    implementation_->send_signal(id, generation, signal, whole_tree);
}

void ProcessHost::kill_tree(ServiceId id, Generation generation) {
    implementation_->kill_tree(id, generation);
}

void ProcessHost::reload(ServiceId id, Generation generation, ServiceConfig config) {
    implementation_->reload(id, generation, std::move(config));
}

void ProcessHost::bound_log(ServiceId id, const config::LogConfig& log) {
    implementation_->bound_log(id, log);
}

void ProcessHost::limit(ServiceId id, const config::Limits& limits) {
    implementation_->limit(id, limits);
}

void ProcessHost::forget(ServiceId id) {
    implementation_->forget(id);
}

CommandNumber ProcessHost::run_in_service(ServiceId id, std::vector<std::string> command, Duration timeout,
                                          CommandCallback callback, CommandProgress progress) {
    return implementation_->run_in_service(id, std::move(command), timeout, std::move(callback),
                                           std::move(progress));
}

void ProcessHost::run_as_daemon(std::vector<std::string> command, Duration timeout,
                                CommandCallback callback) {
    implementation_->run_as_daemon(std::move(command), timeout, std::move(callback));
}

void ProcessHost::hold() {
    implementation_->hold();
}

bool ProcessHost::launching() const {
    return implementation_->launching();
}

void ProcessHost::kill_launching() {
    implementation_->kill_launching();
}

void ProcessHost::hold_exits() {
    implementation_->hold_exits();
}

void ProcessHost::tell_all() {
    implementation_->flush();
}

void ProcessHost::reap_ended() {
    implementation_->reap_ended();
}

void ProcessHost::take_in_waiting(ServiceId id) {
    implementation_->take_in_waiting(id);
}

void ProcessHost::resume() {
    implementation_->resume();
}

void ProcessHost::kill_command(CommandNumber number) {
    implementation_->kill_command(number);
}

std::string ProcessHost::status_text(ServiceId id) const {
    return implementation_->status_text(id);
}

}  // namespace dpsup::io
