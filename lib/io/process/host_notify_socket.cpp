// The notify sockets of all services: each is open from its service's first launch, or adoption, until the service is
// forgotten, and kept beyond our own end where somebody does that (keep_notify).
#include <utility>

#include "io/process/process_host_implementation.hpp"

namespace dpsup::io {

std::string ProcessHostImplementation::socket_path(const std::string& service) const {
    return options_.runtime_dir + "/notify/" + service + ".sock";
}

// What was said until now was said by another instance: what is inherited and was not adopted is no better than that.
Staged<void> ProcessHostImplementation::open_notify(ServiceId id, Entry& entry) {
    if (!entry.config->policy.notify) {
        close_notify(entry);
        return {};
    }
    claim_notify(id, entry);
    const uid_t uid = entry.identity->uid;
    if (entry.notify && entry.notify->uid() == uid) {
        entry.notify->hold();
        return {};
    }
    close_notify(entry);
    auto opened = NotifySocket::open(
        context_, socket_path(entry.leaf()), uid,
        [this, id](const NotifySender& sender, std::string_view text) { return heard(id, sender, text); });
    if (!opened) return tl::unexpected(opened.error());
    entry.notify = std::move(*opened);
    if (options_.keep_notify) options_.keep_notify(entry.leaf(), entry.notify->fd());
    return {};
}

void ProcessHostImplementation::close_notify(Entry& entry) {
    if (!entry.notify) return;
    entry.notify.reset();
    drop_notify(entry.leaf());
}

void ProcessHostImplementation::drop_notify(const std::string& service) const {
    if (options_.drop_notify) options_.drop_notify(service);
}

// After a takeover: the brain is told that it can be heard.
void ProcessHostImplementation::hear_notify(ServiceId id, Entry& entry) {
    entry.notify->listen();
    emit(id, entry.generation, core::Notified{.listening = true, .extend_timeout = {}, .main_pid = {}});
}

void ProcessHostImplementation::inherit_notify(const std::string& service, UniqueFd socket) {
    inherited_notify_[service] = std::move(socket);
}

// Told to be kept anew: who keeps it may differ from who has kept it until now (a re-exec, systemd).
void ProcessHostImplementation::claim_notify(ServiceId id, Entry& entry) {
    if (!entry.config->policy.notify || entry.notify) return;
    auto inherited = inherited_notify_.extract(entry.leaf());
    if (!inherited) return;
    entry.notify = NotifySocket::resume(
        context_, std::move(inherited.mapped()), socket_path(entry.leaf()),
        [this, id](const NotifySender& sender, std::string_view text) { return heard(id, sender, text); });
    if (!entry.notify) return drop_notify(entry.leaf());
    if (options_.keep_notify) options_.keep_notify(entry.leaf(), entry.notify->fd());
}

// Of services that are not configured any more, or do not notify any more: their paths go, too.
void ProcessHostImplementation::end_notify_adoption() {
    for (auto& [service, socket] : std::exchange(inherited_notify_, {})) {
        static_cast<void>(NotifySocket::resume(context_, std::move(socket), socket_path(service), {}));
        drop_notify(service);
    }
}

// What of it runs may speak while we are gone; what does not will be launched with a socket of its own.
void ProcessHostImplementation::leave_notify() {
    for (auto& [id, entry] : entries_) {
        if (entry.notify && entry.phase != Phase::idle && entry.phase != Phase::queued)
            entry.notify->leave();
        else
            close_notify(entry);
    }
}

}  // namespace dpsup::io
