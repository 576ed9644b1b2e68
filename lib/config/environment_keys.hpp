// The environment table of a service: variables whose names are free, and whose values are never shown.
#pragma once

#include "config/key.hpp"
#include "config/model.hpp"

namespace dpsup::config {

void read_environment(Reading& reading, const Node& node, Service& service);
// Values and all: for comparison only.
[[nodiscard]] std::string show_environment(const Service& service);
void compare_environment(const Field<Service>& row, const Service& before, const Service& after,
                         Comparison& comparison);

}  // namespace dpsup::config
