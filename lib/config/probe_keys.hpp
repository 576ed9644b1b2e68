// Reads the table of a whole probe: what its rows cannot say one by one.
#pragma once

#include "config/keys.hpp"

namespace dpsup::config {

// Reads the probe in `node` and adds it to the service. A service's probes are kept in the order of their
// roles.
void read_probe(Reading& reading, const Node& node, core::ProbeRole role, Service& service);

}  // namespace dpsup::config
