// What rows of the table of keys cannot see one by one: keys that exclude, need or weaken each other.
#pragma once

#include "config/model.hpp"
#include "config/reading.hpp"

namespace dpsup::config {

// False, after telling, where `name` is no name of a service.
bool check_name(Reading& reading, const Entry& entry);

// `table` is what the service was read from. Completes what depends on several keys (a job's restart policy).
void check_service(Reading& reading, const Node& table, Service& service);

void check_daemon(Reading& reading, const Node& table, const Daemon& daemon);

}  // namespace dpsup::config
