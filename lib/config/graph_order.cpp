#include <algorithm>
#include <deque>
#include <queue>
#include <unordered_map>

#include "base/text.hpp"
#include "config/graph.hpp"
#include "config/graph_circles.hpp"
#include "config/graph_places.hpp"

namespace dpsup::config {
namespace {

Edges edges_of(const std::vector<Draft>& drafts) {
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < drafts.size(); ++i) by_name.emplace(drafts[i].service.name, i);
    Edges edges(drafts.size());
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        for (const auto& dependency : drafts[i].service.policy.depends_on) {
            const auto found = by_name.find(dependency.service);
            // What leads nowhere, or to itself, has been told already.
            if (found != by_name.end() && found->second != i) edges[i].push_back(found->second);
        }
        std::ranges::sort(edges[i], {},
                          [&](std::size_t target) { return std::string_view(drafts[target].service.name); });
    }
    return edges;
}

// Kahn's algorithm; among those that may come next, the first by name does. Shorter than `drafts` if there is
// a circle.
std::vector<std::size_t> order_of(const std::vector<Draft>& drafts, const Edges& dependencies) {
    Edges dependents(drafts.size());
    std::vector<std::size_t> missing(drafts.size());
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        missing[i] = dependencies[i].size();
        for (const std::size_t dependency : dependencies[i]) dependents[dependency].push_back(i);
    }
    const auto later = [&](std::size_t a, std::size_t b) {
        return drafts[a].service.name > drafts[b].service.name;
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> free(later);
    for (std::size_t i = 0; i < drafts.size(); ++i)
        if (missing[i] == 0) free.push(i);
    std::vector<std::size_t> order;
    while (!free.empty()) {
        const std::size_t next = free.top();
        free.pop();
        order.push_back(next);
        for (const std::size_t dependent : dependents[next])
            if (--missing[dependent] == 0) free.push(dependent);
    }
    return order;
}

void tell_circle(const std::vector<Draft>& drafts, const std::vector<std::size_t>& circle,
                 Findings& findings) {
    constexpr std::size_t named_max = 50;
    constexpr std::size_t placed_max = 10;
    std::string path;
    std::string places;
    for (std::size_t i = 0; i < circle.size(); ++i) {
        const Draft& from = drafts[circle[i]];
        const Draft& to = drafts[circle[(i + 1) % circle.size()]];
        if (i < named_max) path += from.service.name + " -> ";
        if (i == named_max) path += "(" + std::to_string(circle.size() - named_max) + " more) -> ";
        if (i < placed_max)
            places += (i > 0 ? ", " : "") + from.service.name + " needs " + to.service.name + " at " +
                      findings.place_text(place_of_dependency(from, to.service.name));
    }
    const Draft& first = drafts[circle.front()];
    const Draft& second = drafts[circle.at(1 % circle.size())];
    findings.error(place_of_dependency(first, second.service.name),
                   "services depend on each other in a circle: " + path + first.service.name,
                   "take one of these out: " + places);
}

}  // namespace

void sort_by_dependency(std::vector<Draft>& drafts, Findings& findings) {
    const Edges edges = edges_of(drafts);
    const std::vector<std::size_t> order = order_of(drafts, edges);
    if (order.size() < drafts.size()) {
        for (const auto& circle : find_circles(edges)) tell_circle(drafts, circle, findings);
        return;
    }
    std::vector<Draft> sorted;
    sorted.reserve(drafts.size());
    for (const std::size_t index : order) sorted.push_back(std::move(drafts[index]));
    drafts = std::move(sorted);
}

}  // namespace dpsup::config
