// Who may do what over the control socket. Groups are resolved to numbers once, when the configuration is
// loaded: a request must not wait for a directory service.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.hpp"
#include "config/model.hpp"

namespace dpsup::control {

// Each may do what those before it may.
enum class Role : std::uint8_t {
    nobody,
    viewer,         // sees states, reasons and events
    operator_role,  // starts, stops, restarts, reloads, kills; sees the plan
    admin,          // applies configurations
};

[[nodiscard]] std::string_view to_string(Role role);

using GroupLookup = std::function<std::optional<gid_t>(const std::string& group)>;

// getgrnam_r: name or number.
[[nodiscard]] std::optional<gid_t> system_group(const std::string& group);

// "root", "alice (uid 1000)" out of /etc/passwd only, "uid 4711" for others.
[[nodiscard]] std::string name_of_user(uid_t uid);

class Roles {
public:
    // Groups that do not exist admit nobody; warnings() names them.
    Roles(const config::Control& control, uid_t daemon_uid, const GroupLookup& lookup = system_group);

    [[nodiscard]] Role role_of(const http::Peer& peer) const;

    // How somebody without `needed` may come by it, for the hint of a refusal.
    [[nodiscard]] std::string advice(Role needed) const;

    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
    uid_t daemon_uid_;
    std::string operators_name_;
    std::optional<gid_t> operators_;
    std::vector<gid_t> viewers_;
    bool everyone_views_ = false;
    std::vector<std::string> warnings_;
};

}  // namespace dpsup::control
