// Circles in a graph. Nothing here recurses: a chain of ten thousand services must not overflow the stack.
#pragma once

#include <cstddef>
#include <vector>

namespace dpsup::config {

// edges[i]: where i leads to.
using Edges = std::vector<std::vector<std::size_t>>;

// One of the shortest circles of each set of nodes that all reach each other, without its first node again at
// its end. Those are independent of each other, so people can mend them all at once.
[[nodiscard]] std::vector<std::vector<std::size_t>> find_circles(const Edges& edges);

}  // namespace dpsup::config
