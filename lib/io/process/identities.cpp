#include "io/process/identities.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "io/clock.hpp"

namespace dpsup::io {
namespace {

constexpr auto keep = std::chrono::seconds(60);
constexpr std::size_t known_max = 1024;
constexpr std::size_t threads_max = 16;

Duration changed_at(const char* path) {
    struct stat info{};
    if (::stat(path, &info) != 0) return {};
    return std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec);
}

std::string key_of(const config::Process& process) {
    std::string key = process.user + '\n' + process.group;
    for (const auto& name : process.groups) key += '\n' + name;
    return key;
}

// The daemon's own: no directory is asked for it.
bool names_nobody(const config::Process& process) {
    return process.user.empty() && process.group.empty() && process.groups.empty();
}

config::Process account_of(const config::Process& process) {
    config::Process account;
    account.user = process.user;
    account.group = process.group;
    account.groups = process.groups;
    return account;
}

std::string names_in(const config::Process& process) {
    std::vector<std::string> names = process.groups;
    if (!process.group.empty()) names.insert(names.begin(), process.group);
    if (!process.user.empty()) names.insert(names.begin(), process.user);
    return listed(names);
}

}  // namespace

struct Identities::LookUp {
    LookUp(boost::asio::io_context& context, std::string looked_up)
        : names(std::move(looked_up)), timer(context) {}
    std::string names;
    std::vector<Told> waiting;
    bool late = false;  // those who come now do not wait, since those before them have waited long enough
    boost::asio::steady_timer timer;
};

Identities::Identities(boost::asio::io_context& context, Resolve resolve, Duration patience)
    : context_(context), resolve_(std::move(resolve)), patience_(patience), workers_(context, threads_max) {}

Identities::~Identities() = default;

std::shared_ptr<const Identity> Identities::known(const config::Process& process) {
    drop_if_changed();
    const std::string key = key_of(process);
    const auto found = known_.find(key);
    if (found != known_.end() && now() < found->second.until) return found->second.identity;
    if (!names_nobody(process)) return nullptr;
    auto resolved = resolve_identity(process);
    if (!resolved) return nullptr;
    auto identity = std::make_shared<const Identity>(std::move(*resolved));
    known_[key] = {identity, after(now(), keep)};
    return identity;
}

void Identities::look_up(const config::Process& process, Told told) {
    const std::string key = key_of(process);
    auto& look_up = under_way_[key];
    if (!look_up) look_up = begin(key, process);
    if (!look_up) {
        under_way_.erase(key);
        return tell({std::move(told)}, stage_failed("user", EAGAIN, "looking up " + names_in(process)));
    }
    if (look_up->late) return tell({std::move(told)}, too_late(*look_up));
    look_up->waiting.push_back(std::move(told));
}

Identities::Answer Identities::too_late(const LookUp& look_up) {
    return stage_failed("user", ETIMEDOUT, "looking up " + look_up.names);
}

std::shared_ptr<Identities::LookUp> Identities::begin(const std::string& key,
                                                      const config::Process& process) {
    auto answer = std::make_shared<Staged<Identity>>();
    const bool taken = workers_.submit(
        [resolve = resolve_, account = account_of(process), answer] { *answer = resolve(account); },
        [this, key, answer] { finish(key, std::move(*answer)); });
    if (!taken) return nullptr;
    auto look_up = std::make_shared<LookUp>(context_, names_in(process));
    look_up->timer.expires_after(patience_);
    look_up->timer.async_wait([this, weak = std::weak_ptr(look_up)](const boost::system::error_code& error) {
        const auto slow = weak.lock();
        if (error || !slow) return;
        slow->late = true;
        tell(std::exchange(slow->waiting, {}), too_late(*slow));
    });
    return look_up;
}

void Identities::finish(const std::string& key, Staged<Identity> resolved) {
    const auto look_up = std::move(under_way_.extract(key).mapped());
    look_up->timer.cancel();
    if (!resolved) return tell(std::move(look_up->waiting), tl::unexpected(resolved.error()));
    if (known_.size() >= known_max) known_.clear();
    auto identity = std::make_shared<const Identity>(std::move(*resolved));
    known_[key] = {identity, after(now(), keep)};
    tell(std::move(look_up->waiting), identity);
}

void Identities::tell(std::vector<Told> waiting, const Answer& answer) {
    for (auto& told : waiting)
        boost::asio::post(context_, [told = std::move(told), answer] { told(answer); });
}

void Identities::drop_if_changed() {
    const Duration changed = std::max(changed_at("/etc/passwd"), changed_at("/etc/group"));
    if (changed != files_changed_) known_.clear();
    files_changed_ = changed;
}

}  // namespace dpsup::io
