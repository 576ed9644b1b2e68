// The key `sockets`: what a service listens at, opened by the daemon.
#pragma once

#include <string>
#include <vector>

#include "config/graph.hpp"
#include "config/model.hpp"
#include "config/reading.hpp"

namespace dpsup::config {

// ["tcp://127.0.0.1:8080", { address = "unix:///run/x.sock", name = "web", mode = "0660" }]; one may stand alone.
struct Sockets {
    static std::string shape() { return "address, { address, name, mode }, or an array of them"; }
    static void read(Reading& reading, const Node& node, std::vector<Socket>& target);
    static std::string show(const std::vector<Socket>& value);
};

// "tcp://[::1]:8080", "unix:///run/x.sock"
[[nodiscard]] std::string address_of(const Socket& socket);

// Each address is opened once: tells of those that two services, or a service and the daemon, would share.
void check_sockets(const std::vector<Draft>& drafts, const Daemon& daemon, Findings& findings);

}  // namespace dpsup::config
