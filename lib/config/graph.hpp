// The services' dependency graph: what refers to what, circles, and the order.
#pragma once

#include <vector>

#include "config/findings.hpp"
#include "config/model.hpp"
#include "config/node.hpp"

namespace dpsup::config {

// A service that was read, and the table that it was read from, for places.
struct Draft {
    Service service;
    const Node* table = nullptr;
};

// Tells of references that lead nowhere or cannot hold, and drops optional ones that lead nowhere.
void check_references(std::vector<Draft>& drafts, Findings& findings);

// Puts dependencies before their dependents, ties by name. Tells of circles; then the order is as it was.
void sort_by_dependency(std::vector<Draft>& drafts, Findings& findings);

}  // namespace dpsup::config
