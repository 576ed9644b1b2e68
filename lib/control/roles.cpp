#include "control/roles.hpp"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>

#include "base/text.hpp"

namespace dpsup::control {
namespace {

bool is_in(const http::Peer& peer, gid_t group) {
    return peer.gid == group || std::find(peer.groups.begin(), peer.groups.end(), group) != peer.groups.end();
}

}  // namespace

std::string_view to_string(Role role) {
    switch (role) {
        case Role::nobody:
            return "nobody";
        case Role::viewer:
            return "viewer";
        case Role::operator_role:
            return "operator";
        case Role::admin:
            return "admin";
    }
    return "?";
}

std::optional<gid_t> system_group(const std::string& group) {
    gid_t number = 0;
    const auto* end = group.data() + group.size();
    if (!group.empty() && std::from_chars(group.data(), end, number).ptr == end) return number;
    std::vector<char> space(1024);
    struct group entry{};
    struct group* found = nullptr;
    constexpr std::size_t space_max = std::size_t{1024} * 1024;  // a group of very many members
    while (::getgrnam_r(group.c_str(), &entry, space.data(), space.size(), &found) == ERANGE &&
           space.size() < space_max)
        space.resize(space.size() * 2);
    if (found == nullptr) return std::nullopt;
    return entry.gr_gid;
}

std::string name_of_user(uid_t uid) {
    if (uid == 0) return "root";
    std::string number = "uid " + std::to_string(uid);
    const auto close = [](std::FILE* file) { std::fclose(file); };
    const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen("/etc/passwd", "re"), close);
    if (!file) return number;
    while (const passwd* entry = ::fgetpwent(file.get()))
        if (entry->pw_uid == uid) return std::string(entry->pw_name) + " (" + number + ")";
    return number;
}

Roles::Roles(const config::Control& control, uid_t daemon_uid, const GroupLookup& lookup)
    : daemon_uid_(daemon_uid), operators_name_(control.operators) {
    const auto warn = [&](const std::string& key, const std::string& group) {
        warnings_.push_back(key + " names the group " + quoted(group) +
                            ", which does not exist: nobody has that role through it (groupadd " + group +
                            ")");
    };
    if (!control.operators.empty()) {
        operators_ = lookup(control.operators);
        // The default need not exist: nobody asked for it.
        if (!operators_ && control.operators != config::Control{}.operators)
            warn("control.operators", control.operators);
    }
    for (const auto& group : control.viewers) {
        if (group == "*") {
            everyone_views_ = true;
        } else if (const auto gid = lookup(group)) {
            viewers_.push_back(*gid);
        } else {
            warn("control.viewers", group);
        }
    }
}

Role Roles::role_of(const http::Peer& peer) const {
    if (peer.uid == 0 || peer.uid == daemon_uid_) return Role::admin;
    if (operators_ && is_in(peer, *operators_)) return Role::operator_role;
    const bool views =
        std::any_of(viewers_.begin(), viewers_.end(), [&](gid_t group) { return is_in(peer, group); });
    return views || everyone_views_ ? Role::viewer : Role::nobody;
}

std::string Roles::advice(Role needed) const {
    if (needed == Role::admin) return "ask root, or run it with sudo";
    if (operators_)
        return "use sudo, or join the group " + quoted(operators_name_) + ": usermod -aG " + operators_name_ +
               " USER, then log in again";
    return "use sudo; or name an existing group in control.operators";
}

}  // namespace dpsup::control
