// The listening sockets of all services, held from one instance to the next; and, in the DescriptorStore, from one
// daemon to the next. What comes from elsewhere is known by what it is (address, type), not by its name.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "base/id.hpp"
#include "config/model.hpp"
#include "core/supervise/event.hpp"
#include "io/socket/passed_socket.hpp"
#include "io/systemd/descriptor_store.hpp"

namespace dpsup::io {

class ServiceSockets {
public:
    explicit ServiceSockets(DescriptorStore& store) : store_(store) {}
    // Open sockets' files are left: services may listen there, or a next daemon.
    ~ServiceSockets() = default;
    ServiceSockets(const ServiceSockets&) = delete;
    ServiceSockets& operator=(const ServiceSockets&) = delete;

    // Holds what the configuration names: opens what is not held yet, and closes what is not named any more. No instance
    // runs. Fails with the first that cannot be opened; the others are held.
    [[nodiscard]] tl::expected<PassedSockets, core::LaunchFailed> open(ServiceId id,
                                                                       const config::Service& service);

    // As open(), of a service that runs: what was not passed to us is taken from its process, whose listening sockets
    // `from_process` gives. The addresses of what cannot be had.
    [[nodiscard]] std::vector<std::string> adopt(ServiceId id, const config::Service& service,
                                                 const std::function<std::vector<UniqueFd>()>& from_process);

    // Closes all that is held for it. Its Unix sockets' files go where nobody listens at them.
    void close(ServiceId id);
    // Somebody seemed to listen at some of them: a child of ours has a copy until its exec. To be called a few times, a
    // moment apart, until it is true: nothing is left, or it is somebody else's.
    [[nodiscard]] bool clear_up_again();
    [[nodiscard]] bool cleared_up() const { return uncleared_.empty(); }

    // What an earlier daemon left and nobody has claimed by now is let go.
    void end_adoption();

private:
    struct Uncleared {
        config::Socket socket;
        int tries = 0;
    };
    struct Holding {
        std::string name;
        PassedSockets sockets;
    };

    [[nodiscard]] Holding& prepare(ServiceId id, const config::Service& service);
    void claim(Holding& holding, std::vector<UniqueFd> found, const std::vector<config::Socket>& wanted);
    void let_go(Holding& holding, const std::function<bool(const PassedSocket&)>& unwanted);
    void drop(const std::string& service, const config::Socket& socket);
    void add(Holding& holding, const config::Socket& socket, UniqueFd fd);
    [[nodiscard]] static const PassedSocket* find(const Holding& holding, const config::Socket& socket);

    DescriptorStore& store_;
    std::unordered_map<ServiceId, Holding> holdings_;
    std::vector<Uncleared> uncleared_;
};

}  // namespace dpsup::io
