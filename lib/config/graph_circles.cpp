#include "config/graph_circles.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace dpsup::config {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

// Tarjan's strongly connected components, with the recursion's frames in a vector.
class Components {
public:
    explicit Components(const Edges& edges)
        : edges_(edges), number_(edges.size(), none), low_(edges.size()), component_(edges.size(), none) {
        for (std::size_t node = 0; node < edges.size(); ++node)
            if (number_[node] == none) walk(node);
    }

    // The component of each node.
    [[nodiscard]] const std::vector<std::size_t>& of() const { return component_; }
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    struct Frame {
        std::size_t node;
        std::size_t next_edge;
    };

    void enter(std::size_t node) {
        number_[node] = low_[node] = entered_++;
        open_.push_back(node);
        frames_.push_back({node, 0});
    }

    void walk(std::size_t start) {
        enter(start);
        while (!frames_.empty()) {
            Frame& frame = frames_.back();
            if (frame.next_edge == edges_[frame.node].size()) {
                leave();
                continue;
            }
            const std::size_t node = frame.node;
            const std::size_t target = edges_[node][frame.next_edge++];
            if (number_[target] == none)
                enter(target);
            else if (component_[target] == none)
                low_[node] = std::min(low_[node], number_[target]);
        }
    }

    void leave() {
        const std::size_t node = frames_.back().node;
        frames_.pop_back();
        if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
        if (low_[node] != number_[node]) return;
        while (component_[node] == none) {
            component_[open_.back()] = count_;
            open_.pop_back();
        }
        ++count_;
    }

    const Edges& edges_;
    std::vector<std::size_t> number_;
    std::vector<std::size_t> low_;
    std::vector<std::size_t> component_;
    std::vector<std::size_t> open_;
    std::vector<Frame> frames_;
    std::size_t entered_ = 0;
    std::size_t count_ = 0;
};

// The shortest way from `start` back to it, within its component; empty where there is none.
std::vector<std::size_t> circle_through(const Edges& edges, const std::vector<std::size_t>& component,
                                        std::size_t start) {
    std::vector<std::size_t> reached_from(edges.size(), none);
    std::deque<std::size_t> queue{start};
    while (!queue.empty()) {
        const std::size_t node = queue.front();
        queue.pop_front();
        for (const std::size_t target : edges[node]) {
            if (target == start) {
                std::vector<std::size_t> circle{node};
                while (circle.back() != start) circle.push_back(reached_from[circle.back()]);
                std::ranges::reverse(circle);
                return circle;
            }
            if (component[target] != component[start] || reached_from[target] != none) continue;
            reached_from[target] = node;
            queue.push_back(target);
        }
    }
    return {};
}

}  // namespace

std::vector<std::vector<std::size_t>> find_circles(const Edges& edges) {
    constexpr std::size_t circles_max = 100;  // each costs a search, and nobody reads more
    const Components components(edges);
    std::vector<std::size_t> size(components.count());
    for (const std::size_t component : components.of()) ++size[component];
    std::vector<bool> told(components.count());
    std::vector<std::vector<std::size_t>> circles;
    for (std::size_t node = 0; node < edges.size() && circles.size() < circles_max; ++node) {
        const std::size_t component = components.of()[node];
        if (size[component] < 2 || told[component]) continue;
        told[component] = true;
        circles.push_back(circle_through(edges, components.of(), node));
    }
    return circles;
}

}  // namespace dpsup::config
