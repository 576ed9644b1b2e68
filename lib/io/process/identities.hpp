// Who services run as, looked up once and kept for a while. A directory service (LDAP, SSSD) may be slow to answer, or
// never do: so names are looked up in threads, and the loop never waits for them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/process/identity.hpp"
#include "io/workers.hpp"

namespace dpsup::io {

class Identities {
public:
    using Answer = Staged<std::shared_ptr<const Identity>>;
    using Told = std::function<void(const Answer&)>;
    // resolve_identity, or what takes its place in a test; called in a thread.
    using Resolve = std::function<Staged<Identity>(const config::Process&)>;

    explicit Identities(boost::asio::io_context& context, Resolve resolve = resolve_identity,
                        Duration patience = std::chrono::seconds(30));
    ~Identities();  // nothing is told any more
    Identities(const Identities&) = delete;
    Identities& operator=(const Identities&) = delete;

    // As of the last minute, and no older than the last change of /etc/passwd or /etc/group. None: look it up.
    [[nodiscard]] std::shared_ptr<const Identity> known(const config::Process& process);

    // Told on the loop, once, within `patience`. Those who ask for the same wait for the same answer.
    void look_up(const config::Process& process, Told told);

private:
    struct Known {
        std::shared_ptr<const Identity> identity;
        Instant until;
    };
    struct LookUp;

    void drop_if_changed();
    // Nothing: no thread can be had.
    [[nodiscard]] std::shared_ptr<LookUp> begin(const std::string& key, const config::Process& process);
    [[nodiscard]] static Answer too_late(const LookUp& look_up);
    void finish(const std::string& key, Staged<Identity> resolved);
    void tell(std::vector<Told> waiting, const Answer& answer);

    boost::asio::io_context& context_;
    Resolve resolve_;
    Duration patience_;
    Workers workers_;
    std::map<std::string, Known> known_;
    std::map<std::string, std::shared_ptr<LookUp>> under_way_;
    Duration files_changed_{};
};

}  // namespace dpsup::io
