#include "io/process/identity.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "io/read_file.hpp"

namespace dpsup::io {
namespace {

constexpr std::size_t groups_max = 65536;  // the kernel's own bound

std::optional<std::uint32_t> as_number(const std::string& text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == UINT32_MAX) return std::nullopt;
    return number;
}

void take(Identity& identity, const passwd& entry) {
    identity.uid = entry.pw_uid;
    identity.gid = entry.pw_gid;
    identity.name = entry.pw_name;
    if (*entry.pw_dir != '\0') identity.home = entry.pw_dir;
    if (*entry.pw_shell != '\0') identity.shell = entry.pw_shell;
}

// Searches /etc/passwd itself: no directory service is asked, and no module of one is loaded.
bool take_local(Identity& identity, const std::function<bool(const passwd&)>& wanted) {
    std::FILE* file = std::fopen("/etc/passwd", "re");
    if (file == nullptr) return false;
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    bool taken = false;
    while (!taken && ::fgetpwent_r(file, &entry, buffer.data(), buffer.size(), &found) == 0 &&
           found != nullptr) {
        taken = wanted(*found);
        if (taken) take(identity, *found);
    }
    std::fclose(file);
    return taken;
}

bool take_local_uid(Identity& identity, uid_t uid) {
    identity.name = std::to_string(uid);
    identity.uid = uid;
    return take_local(identity, [uid](const passwd& entry) { return entry.pw_uid == uid; });
}

// Calls a get..._r function with a buffer that grows until the answer fits. 0: look at `found`.
template <class Entry, class Call>
int with_buffer(std::vector<char>& buffer, Entry*& found, Call call) {
    buffer.resize(4096);
    for (;;) {
        const int error = call(buffer.data(), buffer.size(), &found);
        if (error != ERANGE || buffer.size() > (1U << 20U)) return error;
        buffer.resize(buffer.size() * 2);
    }
}

Staged<void> take_named_user(Identity& identity, const std::string& name) {
    std::vector<char> buffer;
    passwd entry{};
    passwd* found = nullptr;
    const int error = with_buffer(buffer, found, [&](char* data, std::size_t size, passwd** result) {
        return ::getpwnam_r(name.c_str(), &entry, data, size, result);
    });
    if (found == nullptr && error != 0 && error != ENOENT && error != ESRCH)
        return stage_failed("user", error, "looking up " + quoted(name));
    if (found == nullptr) return stage_failed("user", 0, "there is no user " + quoted(name));
    take(identity, *found);
    return {};
}

Staged<gid_t> group_id(const std::string& name) {
    if (const auto number = as_number(name)) return *number;
    std::vector<char> buffer;
    group entry{};
    group* found = nullptr;
    const int error = with_buffer(buffer, found, [&](char* data, std::size_t size, group** result) {
        return ::getgrnam_r(name.c_str(), &entry, data, size, result);
    });
    if (found == nullptr && error != 0 && error != ENOENT && error != ESRCH)
        return stage_failed("group", error, "looking up " + quoted(name));
    if (found == nullptr) return stage_failed("group", 0, "there is no group " + quoted(name));
    return found->gr_gid;
}

std::vector<gid_t> groups_of_user(const Identity& identity) {
    std::vector<gid_t> groups(64);
    for (;;) {
        int count = static_cast<int>(groups.size());
        if (::getgrouplist(identity.name.c_str(), identity.gid, groups.data(), &count) >= 0) {
            groups.resize(static_cast<std::size_t>(count));
            return groups;
        }
        if (groups.size() >= groups_max) return groups;
        groups.resize(std::max<std::size_t>(static_cast<std::size_t>(count), groups.size() * 2));
    }
}

std::vector<gid_t> own_groups() {
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(0, count)));
    return groups;
}

Staged<void> take_user(Identity& identity, const config::Process& process) {
    if (process.user.empty()) {
        take_local_uid(identity, ::geteuid());
        identity.gid = ::getegid();
        identity.groups = own_groups();
        return {};
    }
    const auto number = as_number(process.user);
    if (!number) {
        if (auto taken = take_named_user(identity, process.user); !taken) return taken;
    } else if (!take_local_uid(identity, *number) && process.group.empty()) {
        return stage_failed(
            "user", 0, "user " + process.user + " is not in /etc/passwd: name its group too (group = ...)");
    }
    return {};
}

Staged<void> take_groups(Identity& identity, const config::Process& process) {
    if (!process.group.empty()) {
        const auto gid = group_id(process.group);
        if (!gid) return tl::unexpected(gid.error());
        identity.gid = *gid;
    }
    if (!process.user.empty()) {
        if (as_number(identity.name))
            identity.groups.assign(1, identity.gid);
        else
            identity.groups = groups_of_user(identity);
    }
    for (const auto& name : process.groups) {
        const auto gid = group_id(name);
        if (!gid) return tl::unexpected(gid.error());
        identity.groups.push_back(*gid);
    }
    std::sort(identity.groups.begin(), identity.groups.end());
    identity.groups.erase(std::unique(identity.groups.begin(), identity.groups.end()), identity.groups.end());
    return {};
}

}  // namespace

namespace {

// The numbers after "Gid:" in a file of such lines.
std::vector<std::uint32_t> numbers_after(std::string_view text, const std::string& key) {
    std::vector<std::uint32_t> numbers;
    const auto found = text.find('\n' + key + ':');
    if (found == std::string_view::npos) return numbers;
    text.remove_prefix(found + key.size() + 2);
    text = text.substr(0, text.find('\n'));
    for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
        std::uint32_t number = 0;
        const auto parsed = std::from_chars(at, end, number);
        if (parsed.ec != std::errc{}) continue;  // white space
        numbers.push_back(number);
        at = parsed.ptr;
    }
    return numbers;
}

}  // namespace

std::optional<Identity> identity_of_process(pid_t pid) {
    constexpr std::size_t status_max = 2 * 1024 * 1024;  // with as many groups as the kernel allows
    const std::string status = read_file("/proc/" + std::to_string(pid) + "/status", status_max);
    const auto uids = numbers_after(status, "Uid");
    const auto gids = numbers_after(status, "Gid");
    if (uids.empty() || gids.empty()) return std::nullopt;
    Identity identity;
    take_local_uid(identity, uids.front());
    identity.gid = gids.front();
    identity.groups = numbers_after(status, "Groups");
    std::vector<gid_t> own = own_groups();
    std::ranges::sort(own);
    std::ranges::sort(identity.groups);
    identity.set_ids = identity.uid != ::geteuid() || identity.gid != ::getegid();
    identity.set_groups = identity.groups != own;
    return identity;
}

Staged<Identity> resolve_identity(const config::Process& process) {
    Identity identity;
    if (auto taken = take_user(identity, process); !taken) return tl::unexpected(taken.error());
    const gid_t gid_before = identity.gid;
    if (auto taken = take_groups(identity, process); !taken) return tl::unexpected(taken.error());
    // A daemon that is not root may start services as itself, and must then not even try to change anything.
    const bool same = identity.uid == ::geteuid() && identity.gid == ::getegid();
    identity.set_ids = !same;
    identity.set_groups = !process.groups.empty() || identity.gid != gid_before ||
                          (!process.user.empty() && (!same || ::geteuid() == 0));
    return identity;
}

}  // namespace dpsup::io
